//! The bytes of the notes about users.
//!
//! | note | bytes |
//! |---|---|
//! | links | version 1; then, as a Zstandard frame, a declaration after the other: kind (1: the target is a `user_id`), length and text of the source, length and text of the target, receipt in milliseconds (8 bytes), place (8 bytes) |
//! | users | version 1; number of moved ids (8 bytes); for each, hash of the id and of the user under whom its rows lie (8 bytes each), ascending; then for each id whose rows lie under itself the first 6 bytes of its hash, ascending, big-endian |
//!
//! Numbers are little-endian where nothing else is said. A length is one byte: ids have at most 200.
//!
//! The users note has hashes and not texts, since it has an entry for every anonymous id of a file. Six bytes of a hash may
//! be those of another id: then rows are looked for that are not there, and nothing else comes of it.

use std::io::{Read, Write};

use weir_core::identity::Declared;
use zstd::stream::write::Encoder;

use crate::error::LakeError;
use crate::names::TableName;
use crate::snapshot::DataFile;

use super::LinkCounts;

const VERSION: u8 = 1;
/// The most that a declaration takes.
const MOST_BYTES: u64 = 1 + 256 + 256 + 16;
/// Bits of a hash that are cut off where only its first six bytes are kept.
pub(super) const CUT_BITS: u32 = 16;

/// Writes a links note, declaration by declaration.
pub(super) struct LinksNote {
    encoder: Encoder<'static, Vec<u8>>,
    line: Vec<u8>,
}

impl LinksNote {
    pub(super) fn new() -> Result<Self, LakeError> {
        let encoder = Encoder::new(vec![VERSION], 3).map_err(failed)?;
        Ok(Self { encoder, line: Vec::new() })
    }

    pub(super) fn push(&mut self, one: &Declared<'_>) -> Result<(), LakeError> {
        self.line.clear();
        self.line.push(u8::from(one.to_is_user));
        for id in [one.from, one.to] {
            // Only ids are declared, and those fit.
            self.line.push(u8::try_from(id.len()).unwrap_or(u8::MAX));
            self.line.extend_from_slice(id.as_bytes());
        }
        self.line.extend_from_slice(&one.received_ms.to_le_bytes());
        self.line.extend_from_slice(&one.place.to_le_bytes());
        self.encoder.write_all(&self.line).map_err(failed)
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, LakeError> {
        self.encoder.finish().map_err(failed)
    }
}

fn failed(error: std::io::Error) -> LakeError {
    LakeError::Write(error.into())
}

/// A links note, unpacked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Declarations(Vec<u8>);

impl Declarations {
    /// # Errors
    /// [`LakeError::Newer`], or [`LakeError::Corrupt`], naming the file.
    pub(super) fn unpack(note: &[u8], file: &DataFile, counts: LinkCounts) -> Result<Self, LakeError> {
        let packed = body(note, file)?;
        let damaged = |problem: &dyn std::fmt::Display| damaged(file, "links", problem);
        let decoder = zstd::stream::read::Decoder::new(packed).map_err(|e| damaged(&e))?;
        let mut bytes = Vec::new();
        // A damaged length does not fill the memory.
        let most = counts.declared.saturating_mul(MOST_BYTES);
        decoder.take(most).read_to_end(&mut bytes).map_err(|e| damaged(&e))?;
        let declarations = Self(bytes);
        let bytes = |one: Declared<'_>| 19 + one.from.len() + one.to.len();
        let (found, used) = declarations.iter().fold((0, 0), |(found, used), one| (found + 1, used + bytes(one)));
        if found != counts.declared || used != declarations.0.len() {
            return Err(damaged(&format!("it has {found} links, the log says {}", counts.declared)));
        }
        Ok(declarations)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Declared<'_>> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || {
            let one;
            (one, rest) = declared(rest)?;
            Some(one)
        })
    }
}

fn declared(bytes: &[u8]) -> Option<(Declared<'_>, &[u8])> {
    fn id(bytes: &[u8]) -> Option<(&str, &[u8])> {
        let (length, rest) = bytes.split_first()?;
        let (id, rest) = rest.split_at_checked(usize::from(*length))?;
        Some((std::str::from_utf8(id).ok()?, rest))
    }
    fn number(bytes: &[u8]) -> Option<(i64, &[u8])> {
        let (number, rest) = bytes.split_first_chunk()?;
        Some((i64::from_le_bytes(*number), rest))
    }
    let (kind, rest) = bytes.split_first()?;
    let (from, rest) = id(rest)?;
    let (to, rest) = id(rest)?;
    let (received_ms, rest) = number(rest)?;
    let (place, rest) = number(rest)?;
    Some((Declared { from, to, to_is_user: *kind == 1, received_ms, place }, rest))
}

/// Writes a users note.
pub(super) fn users_note(moved: &[(u64, u64)], unmoved: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(9 + 16 * moved.len() + 6 * unmoved.len());
    bytes.push(VERSION);
    bytes.extend_from_slice(&(moved.len() as u64).to_le_bytes());
    for (id, user) in moved {
        bytes.extend_from_slice(&id.to_le_bytes());
        bytes.extend_from_slice(&user.to_le_bytes());
    }
    unmoved.iter().for_each(|hash| bytes.extend_from_slice(&hash.to_be_bytes()[..6]));
    bytes
}

/// A users note, in its parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Users<'a> {
    moved: &'a [[u8; 16]],
    unmoved: &'a [[u8; 6]],
}

impl<'a> Users<'a> {
    /// # Errors
    /// As [`Declarations::unpack`].
    pub(super) fn read(note: &'a [u8], file: &DataFile, counts: LinkCounts) -> Result<Self, LakeError> {
        let parts = || {
            let (moved, rest) = body(note, file).ok()?.split_first_chunk()?;
            let moved = usize::try_from(u64::from_le_bytes(*moved)).ok()?;
            let (moved, unmoved) = rest.split_at_checked(moved.checked_mul(16)?)?;
            let (unmoved, []) = unmoved.as_chunks() else { return None };
            Some(Self { moved: moved.as_chunks().0, unmoved })
        };
        body(note, file)?;
        let found = parts()
            .filter(|users| (users.moved.len() as u64, users.unmoved.len() as u64) == (counts.moved, counts.unmoved));
        found.ok_or_else(|| damaged(file, "users", &format!("{} bytes are not what the log says", note.len())))
    }

    /// Hashes of ids and of the users under whom their rows lie.
    pub(super) fn moved(&self) -> impl Iterator<Item = (u64, u64)> + 'a {
        self.moved.iter().map(|entry| {
            let (id, user) = entry.split_at(8);
            let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap_or_default());
            (number(id), number(user))
        })
    }

    /// Number of ids whose rows lie under themselves.
    pub(super) fn unmoved_len(&self) -> usize {
        self.unmoved.len()
    }

    /// The first six bytes of their hashes, the other bits 0.
    pub(super) fn unmoved(&self) -> impl Iterator<Item = u64> + 'a {
        self.unmoved.iter().map(|hash| widened(*hash))
    }

    /// Whether rows of an id with such a hash may lie under it.
    pub(super) fn may_have_unmoved(&self, hash: u64) -> bool {
        let cut = hash >> CUT_BITS << CUT_BITS;
        self.unmoved.binary_search_by_key(&cut, |hash| widened(*hash)).is_ok()
    }
}

fn widened([a, b, c, d, e, f]: [u8; 6]) -> u64 {
    u64::from_be_bytes([a, b, c, d, e, f, 0, 0])
}

fn body<'a>(note: &'a [u8], file: &DataFile) -> Result<&'a [u8], LakeError> {
    match note.split_first() {
        Some((&VERSION, body)) => Ok(body),
        Some((version, _)) => Err(LakeError::Newer { what: format!("version {version} of the notes about users") }),
        None => Err(damaged(file, "users", &"it is empty")),
    }
}

fn damaged(file: &DataFile, note: &str, problem: &dyn std::fmt::Display) -> LakeError {
    LakeError::corrupt(TableName::Events.data(&file.path), format!("its note `{note}` cannot be read: {problem}"))
}

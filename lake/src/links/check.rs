//! The notes of one file, held against the log and against its rows.

use super::collect::Collected;
use super::note::{Declarations, Users};
use crate::error::LakeError;
use crate::names::TableName;
use crate::snapshot::DataFile;

/// The two notes of a file, as far as it has them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) links: Option<&'a [u8]>,
    pub(crate) users: Option<&'a [u8]>,
}

/// Why who asks could not use the notes, by what the log says of the file. Of a file without such numbers nobody reads notes.
pub(crate) fn unusable(given: Given<'_>, file: &DataFile) -> Option<LakeError> {
    let counts = file.links?;
    let lacks = |note: &str| {
        let problem = format!("it lacks the note `{note}`, of which the log says `{counts}`");
        LakeError::corrupt(TableName::Events.data(&file.path), problem)
    };
    let links = match given.links {
        _ if counts.declared == 0 => None,
        None => Some(lacks("links")),
        Some(note) => Declarations::unpack(note, file, counts).err(),
    };
    let users = || match given.users {
        _ if counts.moved + counts.unmoved == 0 => None,
        None => Some(lacks("users")),
        Some(note) => Users::read(note, file, counts).err(),
    };
    links.or_else(users)
}

/// In what notes that can be used say other than the rows.
pub(crate) fn differs(given: Given<'_>, file: &DataFile, rows: &Collected) -> Option<String> {
    let counts = file.links?;
    if counts != rows.counts {
        return Some(format!("of links, moved and unmoved ids the log says {counts}, its rows have {}", rows.counts));
    }
    // How they are packed may change from one version of the library to the next.
    let declared = |note: &[u8]| Declarations::unpack(note, file, counts).ok();
    if counts.declared > 0 && given.links.and_then(declared) != declared(&rows.declared) {
        return Some("its note `links` has other links than its rows".to_owned());
    }
    let has_users = counts.moved + counts.unmoved > 0;
    let differs = has_users && given.users != Some(&rows.users);
    differs.then(|| "its note `users` has other ids than its rows".to_owned())
}

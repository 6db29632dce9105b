//! The properties of the events of one name: which keys lead where, and what was found there.
//!
//! ```text
//! node "properties"           node "cart."
//!   tab  ▶ property tab         sum ▶ property cart.sum
//!   cart ▶ property cart, node ─┘
//! ```
//!
//! A property may be found in two places, `cart.sum` also under a key `cart.sum`. If one event has both, [`tree`](super::tree)
//! says which one counts.

use std::collections::{BTreeMap, HashMap};

use weir_core::event::MAX_NAME_BYTES;

use super::table::ValueTable;
use super::tree::{Found, Tree, text_of};
use super::{Kind, Limits, MAX_DEPTH, MAX_VALUE_BYTES, PropertyEntry, Types};
use crate::json::{Json, RawText, decode, number};

const NONE: u32 = u32::MAX;
/// With so many members and more, a key is looked up and not searched for.
const MANY: usize = 8;
/// So many keys are looked at before a key is looked up.
const MOST_LEFT_OUT: usize = 4;
/// What the names of the context's properties begin with.
const CONTEXT_PREFIX: &str = "context.";

/// What all events of an observer share.
pub(super) struct Room {
    limits: Limits,
    properties: usize,
    /// Values that a property may hold now.
    values_each: usize,
    /// What the last text had, before it is counted.
    seen: Vec<Seen>,
    /// The name of where a walk is, where it is at nothing listed.
    name: String,
    texts: u64,
}

impl Room {
    pub fn new(limits: &Limits) -> Self {
        let (seen, name) = (Vec::new(), String::new());
        let mut room = Self { limits: *limits, properties: 0, values_each: 0, seen, name, texts: 0 };
        room.share();
        room
    }

    /// Properties hold more values than will be listed, so that those that turn out to be frequent are among them.
    fn share(&mut self) {
        let most = (self.limits.values * 2).clamp(2, 16_384);
        self.values_each = (self.limits.all_values / self.properties.max(1)).clamp(most.min(16), most);
    }
}

/// Properties of the events of one name.
pub(super) struct EventShape {
    /// First that of `properties`, then that of `context`.
    nodes: Vec<Node>,
    properties: Vec<Property>,
    names: HashMap<Box<str>, u32>,
    members: usize,
    other: u64,
}

/// An object, wherever it is.
struct Node {
    /// What the names of its members begin with.
    prefix: Box<str>,
    members: Vec<Member>,
    numbers: HashMap<Box<[u8]>, u32>,
    /// The member that comes first, mostly.
    first: u32,
}

/// One key of an object.
struct Member {
    /// As it is written, between the quotes.
    key: Box<[u8]>,
    property: u32,
    /// Its own members, once it was an object.
    node: u32,
    /// The member that comes after it, mostly.
    next: u32,
}

struct Property {
    name: Box<str>,
    types: Types,
    numbers: Option<(f64, f64)>,
    values: ValueTable,
    /// The last text that has it.
    text: u64,
}

/// A value in a text.
struct Seen {
    property: u32,
    kind: Kind,
    is_escaped: bool,
    start: usize,
    end: usize,
}

impl EventShape {
    pub fn new() -> Self {
        let node = |prefix: &str| Node::new(prefix.into());
        Self {
            nodes: vec![node(""), node(CONTEXT_PREFIX)],
            properties: Vec::new(),
            names: HashMap::new(),
            members: 0,
            other: 0,
        }
    }

    /// Properties by name, and how many values have none.
    pub fn finish(self) -> (BTreeMap<String, PropertyEntry>, u64) {
        let mut properties: Vec<Option<Property>> = self.properties.into_iter().map(Some).collect();
        let entry = |(name, number): (Box<str>, u32)| {
            let property = properties.get_mut(number as usize)?.take().filter(|property| property.types.total() > 0)?;
            let Property { types, numbers, values, .. } = property;
            Some((name.into(), PropertyEntry { types, numbers, values: values.finish() }))
        };
        (self.names.into_iter().filter_map(entry).collect(), self.other)
    }
}

impl Node {
    fn new(prefix: Box<str>) -> Self {
        Self { prefix, members: Vec::new(), numbers: HashMap::new(), first: NONE }
    }

    /// Takes the next key if it is the expected one, or one of a few behind that: keys may be left out.
    #[inline]
    fn next_key(&self, json: &mut Json<'_>, mut expected: u32) -> Option<(u32, u32)> {
        for _ in 0..MOST_LEFT_OUT {
            let member = self.members.get(expected as usize)?;
            if json.take_key(&member.key) {
                return Some((expected, member.property));
            }
            expected = member.next;
        }
        None
    }

    /// Remembers which member came behind which.
    fn learn(&mut self, before: u32, came: u32) {
        let Some(new) = self.members.get(came as usize).map(|member| member.next) else { return };
        let next = match self.members.get_mut(before as usize) {
            Some(before) => &mut before.next,
            None => &mut self.first,
        };
        let expected = std::mem::replace(next, came);
        // What was expected may come behind it, unless that is known better.
        if new == NONE && expected != came {
            self.members[came as usize].next = expected;
        }
    }

    fn find(&self, key: &[u8]) -> Option<u32> {
        if self.members.len() >= MANY {
            return self.numbers.get(key).copied();
        }
        (0..).zip(&self.members).find(|(_, member)| member.key.as_ref() == key).map(|(number, _)| number)
    }
}

/// Where a value is: the property, and the member where there is one.
#[derive(Clone, Copy)]
struct Place {
    property: u32,
    node: u32,
    member: u32,
}

/// One text being read.
pub(super) struct Walk<'a> {
    shape: &'a mut EventShape,
    room: &'a mut Room,
    root: u32,
    /// Whether a property was, or may have been, found twice.
    is_twice: bool,
}

impl<'a> Walk<'a> {
    pub fn properties(shape: &'a mut EventShape, room: &'a mut Room) -> Self {
        Self { shape, room, root: 0, is_twice: false }
    }

    pub fn context(shape: &'a mut EventShape, room: &'a mut Room) -> Self {
        Self { shape, room, root: 1, is_twice: false }
    }

    /// Counts what the text of an object has, for so many events. Of what is no object nothing is counted.
    pub fn take(mut self, text: &str, count: u64) {
        self.room.seen.clear();
        self.room.texts += 1;
        let mut json = Json::new(text);
        if self.object(&mut json, self.root, 1).is_none() || json.peek().is_some() {
            return;
        }
        let seen = std::mem::take(&mut self.room.seen);
        if self.is_twice {
            self.count_found(text, &seen, count);
        } else {
            seen.iter().for_each(|seen| self.count_seen(text, seen, count));
        }
        self.room.seen = seen;
    }

    /// Reads the members of a known object.
    fn object(&mut self, json: &mut Json<'_>, node: u32, depth: usize) -> Option<()> {
        if !json.take(b'{') {
            return None;
        }
        if json.take(b'}') {
            return Some(());
        }
        let (mut before, mut expected) = (NONE, self.shape.nodes[node as usize].first);
        loop {
            let place = match self.shape.nodes[node as usize].next_key(json, expected) {
                Some((member, property)) => Place { property, node, member },
                None => {
                    let key = json.string()?;
                    if !json.take(b':') {
                        return None;
                    }
                    let place = self.member(node, key);
                    self.shape.nodes[node as usize].learn(before, place.member);
                    place
                }
            };
            before = place.member;
            self.value(json, place, depth)?;
            expected = self.shape.nodes[node as usize].members.get(before as usize).map_or(NONE, |member| member.next);
            if !json.goes_on()? {
                return Some(());
            }
        }
    }

    fn value(&mut self, json: &mut Json<'_>, place: Place, depth: usize) -> Option<()> {
        let first = json.peek()?;
        let start = json.at();
        let (mut is_escaped, mut kind) = (false, Kind::Object);
        match first {
            b'"' => {
                is_escaped = json.string()?.is_escaped;
                kind = Kind::String;
            }
            b'{' if depth < MAX_DEPTH => {
                // Counted before its members are, so that they come in the order of the text.
                self.see(Seen { property: place.property, kind, is_escaped, start, end: start });
                return self.inside(json, place, depth);
            }
            b'{' => json.nested()?,
            b'[' => {
                json.nested()?;
                kind = Kind::List;
            }
            _ => {
                json.scalar().filter(|scalar| !scalar.is_empty())?;
                kind = Kind::of(first);
            }
        }
        self.see(Seen { property: place.property, kind, is_escaped, start, end: json.at() });
        Some(())
    }

    fn see(&mut self, seen: Seen) {
        if let Some(property) = self.shape.properties.get_mut(seen.property as usize) {
            self.is_twice |= property.text == self.room.texts;
            property.text = self.room.texts;
        }
        self.room.seen.push(seen);
    }

    /// Reads the members of an object that is a value.
    fn inside(&mut self, json: &mut Json<'_>, place: Place, depth: usize) -> Option<()> {
        if place.member == NONE {
            return self.unlisted_object(json, depth + 1);
        }
        let at = &self.shape.nodes[place.node as usize];
        let member = &at.members[place.member as usize];
        if member.node != NONE {
            return self.object(json, member.node, depth + 1);
        }
        let key = RawText { bytes: &member.key, is_escaped: member.key.contains(&b'\\') };
        let name = name_of(&at.prefix, key).unwrap_or_default();
        let new = u32::try_from(self.shape.nodes.len()).unwrap_or(NONE);
        self.shape.nodes.push(Node::new(format!("{name}.").into()));
        self.shape.nodes[place.node as usize].members[place.member as usize].node = new;
        self.object(json, new, depth + 1)
    }

    /// The place of a key of a known object.
    fn member(&mut self, node: u32, key: RawText<'_>) -> Place {
        let nowhere = Place { property: NONE, node, member: NONE };
        let at = &self.shape.nodes[node as usize];
        if let Some(member) = at.find(key.bytes) {
            return Place { property: at.members[member as usize].property, node, member };
        }
        let name = name_of(&at.prefix, key).filter(|name| self.can_be_asked(name));
        self.room.name.clear();
        let Some(name) = name else { return nowhere };
        let property = self.property(&name);
        self.room.name.push_str(&name);
        // Names may be written in many ways, with escapes.
        if property == NONE || self.shape.members >= self.room.limits.properties_of_event.saturating_mul(4) {
            return Place { property, ..nowhere };
        }
        self.shape.members += 1;
        let at = &mut self.shape.nodes[node as usize];
        let member = u32::try_from(at.members.len()).unwrap_or(NONE);
        at.members.push(Member { key: key.bytes.into(), property, node: NONE, next: NONE });
        if at.members.len() == MANY {
            at.numbers = (0..).zip(&at.members).map(|(number, member)| (member.key.clone(), number)).collect();
        } else if at.members.len() > MANY {
            at.numbers.insert(key.bytes.into(), member);
        }
        Place { property, node, member }
    }

    /// A key of the properties cannot be asked for under a name of the context.
    fn can_be_asked(&self, name: &str) -> bool {
        self.root == 1 || !(name == "context" || name.starts_with(CONTEXT_PREFIX))
    }

    /// The number of a property, which is new if there is room.
    fn property(&mut self, name: &str) -> u32 {
        if let Some(number) = self.shape.names.get(name) {
            return *number;
        }
        let limits = &self.room.limits;
        if self.shape.properties.len() >= limits.properties_of_event || self.room.properties >= limits.properties {
            return NONE;
        }
        let number = u32::try_from(self.shape.properties.len()).unwrap_or(NONE);
        self.shape.names.insert(name.into(), number);
        let (types, values) = (Types::default(), ValueTable::default());
        self.shape.properties.push(Property { name: name.into(), types, numbers: None, values, text: 0 });
        self.room.properties += 1;
        self.room.share();
        number
    }

    /// Reads the members of an object that has no node: its name is in `room.name`, or empty where it cannot be asked for.
    fn unlisted_object(&mut self, json: &mut Json<'_>, depth: usize) -> Option<()> {
        if !json.take(b'{') {
            return None;
        }
        if json.take(b'}') {
            return Some(());
        }
        let outer = std::mem::take(&mut self.room.name);
        loop {
            let key = json.string()?;
            if !json.take(b':') {
                return None;
            }
            let name = match outer.as_str() {
                "" => None,
                outer => name_of(&format!("{outer}."), key).filter(|name| self.can_be_asked(name)),
            };
            let property = name.as_deref().map_or(NONE, |name| self.property(name));
            self.room.name = name.unwrap_or_default();
            // That the object around it came before is not known, so it has to be looked up what counts.
            self.is_twice |= property != NONE;
            self.value(json, Place { property, node: NONE, member: NONE }, depth)?;
            if !json.goes_on()? {
                return Some(());
            }
        }
    }

    fn count_seen(&mut self, text: &str, seen: &Seen, count: u64) {
        let Some(property) = self.shape.properties.get_mut(seen.property as usize) else {
            self.shape.other += count;
            return;
        };
        let Some(raw) = text.as_bytes().get(seen.start..seen.end) else { return };
        match seen.kind {
            Kind::Number => {
                // A number beyond a double is missing, as it is for questions.
                let Some(number) = number(raw) else { return };
                property.add_number(number);
            }
            Kind::String => {
                let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
                if seen.is_escaped {
                    let Some(text) = decode(RawText { bytes: inner, is_escaped: true }) else { return };
                    property.add_text(text.as_bytes(), count, self.room.values_each);
                } else {
                    property.add_text(inner, count, self.room.values_each);
                }
            }
            _ => {}
        }
        property.types.add(seen.kind, count);
    }

    /// Counts each property once, by what a question would find.
    fn count_found(&mut self, text: &str, seen: &[Seen], count: u64) {
        let Some(tree) = Tree::of(text) else { return };
        // Each text has a number of its own, so this one marks what is counted now.
        self.room.texts += 1;
        for seen in seen {
            let Some(property) = self.shape.properties.get_mut(seen.property as usize) else {
                self.shape.other += count;
                continue;
            };
            if std::mem::replace(&mut property.text, self.room.texts) == self.room.texts {
                continue;
            }
            let name = property.name.as_ref();
            let path = if self.root == 1 { name.strip_prefix(CONTEXT_PREFIX).unwrap_or(name) } else { name };
            match tree.find(path) {
                Found::Missing => {}
                Found::Null => property.types.add(Kind::Null, count),
                Found::Value(value) => {
                    let (start, end) = (value.start, value.end);
                    let is_escaped = text.get(start..end).is_some_and(|raw| raw.contains('\\'));
                    self.count_seen(
                        text,
                        &Seen { property: seen.property, kind: value.kind, is_escaped, start, end },
                        count,
                    );
                }
            }
        }
    }
}

impl Property {
    fn add_number(&mut self, number: f64) {
        let (low, high) = self.numbers.unwrap_or((number, number));
        self.numbers = Some((low.min(number), high.max(number)));
    }

    fn add_text(&mut self, text: &[u8], count: u64, most: usize) {
        if text.len() > MAX_VALUE_BYTES {
            self.values.add_too_long(count);
        } else {
            self.values.add(text, count, most);
        }
    }
}

/// The whole name of a key, if it can be asked for.
fn name_of(prefix: &str, key: RawText<'_>) -> Option<String> {
    let key = text_of(key)?;
    let name = format!("{prefix}{key}");
    (!key.is_empty() && name.len() <= MAX_NAME_BYTES + CONTEXT_PREFIX.len()).then_some(name)
}

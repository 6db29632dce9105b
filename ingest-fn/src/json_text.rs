//! Changes in the text of a JSON object that leave every other byte as it was sent.
//!
//! An event keeps `properties` and `context` as the text that came in. Where something is to be added, taken out or
//! replaced, building the tree and writing it again would change numbers, escapes and white space of all the rest. So the text
//! is scanned for the places of its members, and only those places are edited.
//!
//! Text that is scanned has been parsed before, so it is known to be JSON. On text that is not, a scan ends early and says so
//! with `None`; it never panics.
//!
//! ```text
//! {"a": 1.0, "b": {"c": 2}}      members: `a` at 1..9, `b` at 11..24
//!   take out `a`            ->   {"b": {"c": 2}}
//!   replace `b`'s `c` by 3  ->   {"a": 1.0, "b": {"c": 3}}
//! ```

use std::borrow::Cow;
use std::ops::Range;

/// Room for so many members is made at once.
const USUAL_MEMBERS: usize = 8;

/// One member of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its name, unescaped. A name that is no Unicode is as it stands.
    pub name: Cow<'a, str>,
    /// From the quote of its name to the end of its value.
    pub whole: Range<usize>,
    /// Its value.
    pub value: Range<usize>,
}

/// The members of the object that begins at byte `at` of `text`, in order. `None` if there is no object.
pub fn members(text: &str, at: usize) -> Option<Vec<Member<'_>>> {
    let mut found = Vec::with_capacity(USUAL_MEMBERS);
    let mut at = skip_space(text, expect(text, at, b'{')?);
    if byte(text, at) == Some(b'}') {
        return Some(found);
    }
    loop {
        let start = at;
        at = end_of_text(text, at)?;
        let name = name(text.get(start..at)?);
        let value = skip_space(text, expect(text, skip_space(text, at), b':')?);
        at = end_of_value(text, value)?;
        found.push(Member { name, whole: start..at, value: value..at });
        at = skip_space(text, at);
        match byte(text, at)? {
            b',' => at = skip_space(text, at + 1),
            b'}' => return Some(found),
            _ => return None,
        }
    }
}

/// The places of the values of the list that begins at byte `at` of `text`. `None` if there is no list.
pub fn elements(text: &str, at: usize) -> Option<Vec<Range<usize>>> {
    let mut found = Vec::new();
    let mut at = skip_space(text, expect(text, at, b'[')?);
    if byte(text, at) == Some(b']') {
        return Some(found);
    }
    loop {
        let end = end_of_value(text, at)?;
        found.push(at..end);
        at = skip_space(text, end);
        match byte(text, at)? {
            b',' => at = skip_space(text, at + 1),
            b']' => return Some(found),
            _ => return None,
        }
    }
}

/// The first byte of `text`, from `at` on, that is no white space.
pub fn skip_space(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count()
}

fn byte(text: &str, at: usize) -> Option<u8> {
    text.as_bytes().get(at).copied()
}

fn expect(text: &str, at: usize, wanted: u8) -> Option<usize> {
    (byte(text, at)? == wanted).then_some(at + 1)
}

fn name(quoted: &str) -> Cow<'_, str> {
    let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    serde_json::from_str(quoted).map_or(Cow::Borrowed(inner), Cow::Owned)
}

/// The end of the text (with its quotes) that begins at `at`.
fn end_of_text(text: &str, at: usize) -> Option<usize> {
    let mut at = expect(text, at, b'"')?;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.as_bytes().get(at..)?)?;
        match byte(text, at)? {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}

fn end_of_value(text: &str, at: usize) -> Option<usize> {
    match byte(text, at)? {
        b'"' => end_of_text(text, at),
        b'{' | b'[' => {
            let (mut depth, mut at) = (0_usize, at);
            loop {
                match byte(text, at)? {
                    b'"' => {
                        at = end_of_text(text, at)?;
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
        }
        _ => {
            let rest = text.as_bytes().get(at..)?;
            let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
            Some(at + rest.iter().position(ends).unwrap_or(rest.len()))
        }
    }
}

/// Changes of one text: what takes the place of which bytes.
#[derive(Debug, Default)]
pub struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    /// Whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts `text` in the place of `range`. An empty range inserts.
    pub fn replace(&mut self, range: Range<usize>, text: String) {
        self.0.push((range, text));
    }

    /// Takes out those of an object's `members` whose number `is_out`, with the commas that go with them.
    pub fn take_out(&mut self, members: &[Member<'_>], is_out: impl Fn(usize) -> bool) {
        let mut first = 0;
        while first < members.len() {
            if !is_out(first) {
                first += 1;
                continue;
            }
            let behind = (first..members.len()).find(|at| !is_out(*at)).unwrap_or(members.len());
            let (from, to) = match (members.get(behind), first.checked_sub(1)) {
                (Some(next), _) => (members[first].whole.start, next.whole.start),
                (None, Some(before)) => (members[before].whole.end, members[behind - 1].whole.end),
                (None, None) => (members[first].whole.start, members[behind - 1].whole.end),
            };
            self.replace(from..to, String::new());
            first = behind;
        }
    }

    /// The text with all changes made. Where changes overlap, the one that begins first counts; of those that begin at one
    /// place, the one that was asked for first.
    pub fn applied(mut self, text: &str) -> String {
        self.0.sort_by_key(|(range, _)| range.start);
        let added: usize = self.0.iter().map(|(_, added)| added.len()).sum();
        let mut result = String::with_capacity(text.len() + added);
        let mut at = 0;
        for (range, new) in self.0 {
            if range.start < at {
                continue;
            }
            result.push_str(text.get(at..range.start).unwrap_or_default());
            result.push_str(&new);
            at = range.end;
        }
        result.push_str(text.get(at..).unwrap_or_default());
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Option<Vec<String>> {
        Some(members(text, 0)?.into_iter().map(|member| member.name.into_owned()).collect())
    }

    fn without(text: &str, out: &[&str]) -> String {
        let found = members(text, 0).unwrap();
        let mut edits = Edits::default();
        edits.take_out(&found, |at| out.contains(&found[at].name.as_ref()));
        edits.applied(text)
    }

    #[test]
    fn members_are_found_where_they_stand() {
        let text = "{ \"a\" : 1.0 ,\"b\":{\"c\":[\"}\\\"\",{}]},\n\"\\u0064\":null}";
        let found = members(text, 0).unwrap();
        let shown: Vec<_> = found.iter().map(|m| (m.name.as_ref(), &text[m.value.clone()])).collect();
        assert_eq!(shown, [("a", "1.0"), ("b", "{\"c\":[\"}\\\"\",{}]}"), ("d", "null")]);
        assert_eq!(&text[found[0].whole.clone()], "\"a\" : 1.0");
        assert_eq!((names("{}"), names("{ }")), (Some(vec![]), Some(vec![])));
        let list = "[1, {\"a\":[2]} ,\"x,y\"]";
        let shown: Vec<_> = elements(list, 0).unwrap().into_iter().map(|range| &list[range]).collect();
        assert_eq!(shown, ["1", "{\"a\":[2]}", "\"x,y\""]);
        assert_eq!(elements("[ ]", 0), Some(vec![]));
    }

    #[test]
    fn what_is_no_json_ends_a_scan() {
        let whole = "{\"a\":{\"b\":[1,\"x\\\"\"]},\"c\":2}";
        for end in 0..whole.len() {
            assert_eq!(members(&whole[..end], 0), None, "{}", &whole[..end]);
        }
        for text in ["[]", "5", "{\"a\" 1}", "{a:1}", "{\"a\":1 ;}", "{\"a\":\"\\"] {
            assert_eq!(members(text, 0), None, "{text}");
        }
        assert_eq!((elements("[1", 0), elements("[1 ;2]", 0), elements("{}", 0)), (None, None, None));
    }

    #[test]
    fn taking_out_leaves_the_rest_as_it_was() {
        let text = "{\"a\": 1.0, \"b\" :2 , \"c\":3}";
        assert_eq!(without(text, &["a"]), "{\"b\" :2 , \"c\":3}");
        assert_eq!(without(text, &["b"]), "{\"a\": 1.0, \"c\":3}");
        assert_eq!(without(text, &["c"]), "{\"a\": 1.0, \"b\" :2}");
        assert_eq!(without(text, &["a", "b"]), "{\"c\":3}");
        assert_eq!(without(text, &["b", "c"]), "{\"a\": 1.0}");
        assert_eq!(without(text, &["a", "c"]), "{\"b\" :2}");
        assert_eq!(without(text, &["a", "b", "c"]), "{}");
        assert_eq!(without(text, &[]), text);
        assert_eq!(without("{\"a\":1,\"a\":2,\"b\":3}", &["a"]), "{\"b\":3}", "each of a name that is there twice");
    }
}

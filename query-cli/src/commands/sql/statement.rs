//! Where statements end, and what is open in a text: quotes and comments, as far as a prompt has to know.
//!
//! ```text
//! SELECT ';' AS a -- not here; ⏎ FROM events;  SELECT 2
//!                                           ▲         └─ not ended
//!                                           └─ the first statement ends here
//! ```

/// What a place in a text is inside of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// Nothing.
    Nothing,
    /// `'…'`, which begins behind this byte.
    Text(usize),
    /// `"…"`, which begins behind this byte.
    Name(usize),
    /// A comment: `-- …` up to the end of the line, or `/* … */`.
    Comment,
}

/// The statements of a text, without their semicolons, and what follows the last one.
pub fn split(text: &str) -> (Vec<&str>, &str) {
    let (mut statements, mut from) = (Vec::new(), 0);
    walk(text, |at| {
        statements.push(text[from..at].trim());
        from = at + 1;
    });
    // Only comments and blanks between two semicolons are no statement.
    statements.retain(|statement| !is_blank(statement));
    (statements, text[from..].trim())
}

/// Whether a text, as somebody types it, has come to an end: a command, or statements that are all ended.
pub fn is_complete(text: &str) -> bool {
    let text = text.trim();
    text.starts_with('\\') || is_word(text) || is_blank(split(text).1)
}

/// Words that are understood without a backslash, and without a semicolon.
pub fn is_word(text: &str) -> bool {
    ["exit", "quit", "help"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// What is open at the end of a text.
pub fn open_at_end(text: &str) -> Open {
    walk(text, |_| {})
}

/// Whether there is nothing but comments and blanks.
fn is_blank(text: &str) -> bool {
    let mut rest = text.trim_start();
    loop {
        rest = match (rest.strip_prefix("--"), rest.strip_prefix("/*")) {
            (Some(comment), _) => comment.split_once('\n').map_or("", |(_, rest)| rest),
            (_, Some(comment)) => match comment.split_once("*/") {
                Some((_, rest)) => rest,
                // It may still go on.
                None => return false,
            },
            _ => return rest.is_empty(),
        }
        .trim_start();
    }
}

/// Walks through a text, calls `ended` with the place of each semicolon that ends a statement, and gives what is open at the end.
fn walk(text: &str, mut ended: impl FnMut(usize)) -> Open {
    let mut open = Open::Nothing;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let length = rest.chars().next().map_or(1, char::len_utf8);
        match open {
            Open::Nothing if rest.starts_with("--") => at = rest.find('\n').map_or(text.len(), |end| at + end),
            Open::Nothing if rest.starts_with("/*") => match rest.find("*/") {
                Some(end) => at += end + 1,
                None => return Open::Comment,
            },
            Open::Nothing if rest.starts_with('\'') => open = Open::Text(at + 1),
            Open::Nothing if rest.starts_with('"') => open = Open::Name(at + 1),
            Open::Nothing if rest.starts_with(';') => ended(at),
            // Two quotes in a row close one and open one, which comes to the same for where statements end; not for where
            // the text begins.
            Open::Text(_) if rest.starts_with("''") => at += 1,
            Open::Name(_) if rest.starts_with("\"\"") => at += 1,
            Open::Text(_) if rest.starts_with('\'') => open = Open::Nothing,
            Open::Name(_) if rest.starts_with('"') => open = Open::Nothing,
            _ => {}
        }
        if at >= text.len() {
            // A comment up to the end of the line was the last of it.
            return Open::Comment;
        }
        at += length;
    }
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_at_semicolons_that_are_not_quoted() {
        assert_eq!(split("SELECT 1; SELECT 2;"), (vec!["SELECT 1", "SELECT 2"], ""));
        assert_eq!(
            split("SELECT ';', \";\" -- ;\n, 2 /* ; */; SELECT"),
            (vec!["SELECT ';', \";\" -- ;\n, 2 /* ; */"], "SELECT")
        );
        assert_eq!(split("SELECT 'it''s; here'; x"), (vec!["SELECT 'it''s; here'"], "x"));
        assert_eq!(split(" ;; -- nothing\n;"), (vec![], ""));
        assert_eq!(split("SELECT '구매; 완료'; 끝"), (vec!["SELECT '구매; 완료'"], "끝"));
        assert_eq!(split(""), (vec![], ""));
    }

    #[test]
    fn a_line_goes_on_until_it_is_ended() {
        for complete in
            ["", "  ", "\\d events", "exit", "QUIT", "SELECT 1;", "SELECT 1; -- done", "SELECT 1; ; ", "-- note"]
        {
            assert!(is_complete(complete), "{complete}");
        }
        for open in ["SELECT 1", "SELECT ';", "SELECT 1 -- ;", "SELECT 1; SELECT 2", "/* ;", "SELECT \";\n"] {
            assert!(!is_complete(open), "{open}");
        }
    }

    #[test]
    fn what_is_open_is_known() {
        assert_eq!(open_at_end("SELECT 'a', 'it''s b"), Open::Text(13));
        assert_eq!(open_at_end("SELECT 'a', \"us"), Open::Name(13));
        assert_eq!(open_at_end("SELECT 'a' -- it's"), Open::Comment);
        assert_eq!(open_at_end("SELECT /* it's"), Open::Comment);
        assert_eq!(open_at_end("SELECT /* it's */ 'x' -- y\n"), Open::Nothing);
        assert_eq!(open_at_end("SELECT '"), Open::Text(8));
    }
}

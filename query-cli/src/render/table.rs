//! Columns that line up on a terminal, also where letters are two columns wide, and the same as Markdown.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Which way a column is flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Between two columns.
const GAP: &str = "  ";

/// Rows under titles.
#[derive(Debug, Clone, Default)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: Vec<(String, Align)>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row, a cell for each column.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Lines that line up, under a header.
    pub fn text(&self) -> String {
        let layout = Layout::of(&self.columns, &self.rows);
        let rows = self.rows.iter().map(|row| layout.line(row));
        std::iter::once(layout.header(&self.columns)).chain(rows).collect()
    }

    /// The same as Markdown.
    pub fn markdown(&self) -> String {
        let rows = self.rows.iter().map(|row| markdown_line(row));
        std::iter::once(markdown_header(&self.columns)).chain(rows).collect()
    }
}

/// How wide columns are.
#[derive(Debug, Clone)]
pub struct Layout {
    columns: Vec<(usize, Align)>,
}

impl Layout {
    /// Wide enough for the titles and these rows. A longer cell of another row moves the rest of its line.
    pub fn of(columns: &[(String, Align)], rows: &[Vec<String>]) -> Self {
        let width = |at: usize, title: &str| {
            let cells = rows.iter().filter_map(|row| row.get(at));
            cells.map(|cell| width(&plain(cell))).max().unwrap_or(0).max(width(&plain(title)))
        };
        let columns = columns.iter().enumerate().map(|(at, (title, align))| (width(at, title), *align));
        Self { columns: columns.collect() }
    }

    /// The titles and a rule.
    pub fn header(&self, columns: &[(String, Align)]) -> String {
        let titles: Vec<String> = columns.iter().map(|(title, _)| title.clone()).collect();
        let rules: Vec<String> = self.columns.iter().map(|(width, _)| "─".repeat(*width)).collect();
        self.line(&titles) + &self.line(&rules)
    }

    /// One row, with its newline and without space before it.
    pub fn line(&self, cells: &[String]) -> String {
        let cells = cells.iter().zip(&self.columns).map(|(cell, (width, align))| pad(&plain(cell), *width, *align));
        let mut line = cells.collect::<Vec<_>>().join(GAP);
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }
}

/// The titles as Markdown, and the line below them that says how columns are flush.
pub fn markdown_header(columns: &[(String, Align)]) -> String {
    let titles: Vec<String> = columns.iter().map(|(title, _)| title.clone()).collect();
    let rule = |align: Align| if align == Align::Left { "---" } else { "---:" };
    let rules: Vec<&str> = columns.iter().map(|(_, align)| rule(*align)).collect();
    format!("{}| {} |\n", markdown_line(&titles), rules.join(" | "))
}

/// One row as Markdown.
pub fn markdown_line(cells: &[String]) -> String {
    let cells = cells.iter().map(|cell| plain(cell).replace('\\', "\\\\").replace('|', "\\|"));
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

/// Text with spaces up to a display width.
pub fn pad(text: &str, to: usize, align: Align) -> String {
    let space = " ".repeat(to.saturating_sub(width(text)));
    match align {
        Align::Left => format!("{text}{space}"),
        Align::Right => format!("{space}{text}"),
    }
}

/// Columns that a terminal needs for a text.
pub fn width(text: &str) -> usize {
    text.width()
}

/// A text of at most `most` columns: what is longer ends with `…`.
pub fn clip(text: &str, most: usize) -> Cow<'_, str> {
    let text = plain(text);
    if width(&text) <= most {
        return text;
    }
    let mut clipped = String::new();
    let mut used = 1;
    for char in text.chars() {
        used += char.width().unwrap_or(0);
        if used > most {
            break;
        }
        clipped.push(char);
    }
    clipped.push('…');
    Cow::Owned(clipped)
}

/// A text with its control characters written out. Event names and properties come from anywhere; what they hold must
/// neither break a line nor command the terminal.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_command) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        if is_command(char) {
            plain.extend(char.escape_default());
        } else {
            plain.push(char);
        }
    }
    Cow::Owned(plain)
}

/// Control characters, line separators and what turns the direction of text.
fn is_command(char: char) -> bool {
    char.is_control() || matches!(char, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(cells: &[(&str, &str)]) -> Table {
        let mut table = Table::new(vec![("event".to_owned(), Align::Left), ("users".to_owned(), Align::Right)]);
        cells.iter().for_each(|(event, users)| table.row(vec![(*event).to_owned(), (*users).to_owned()]));
        table
    }

    #[test]
    fn wide_letters_and_emoji_line_up() {
        let text = table(&[("view", "12,345"), ("구매", "7"), ("🛒 담기", "120"), ("👩‍💻", "3"), ("", "")]).text();
        insta::assert_snapshot!(text, @"
        event     users
        ───────  ──────
        view     12,345
        구매          7
        🛒 담기     120
        👩‍💻            3
        ");
        assert!(text.lines().all(|line| line.is_empty() || width(line) == 15), "{text}");
    }

    #[test]
    fn what_users_send_neither_breaks_a_line_nor_commands_the_terminal() {
        let text = table(&[("a\nb\tc", "1"), ("\u{1b}[31mred\u{7}", "2"), ("\u{202e}desrever", "3")]).text();
        insta::assert_snapshot!(text, @r"
        event               users
        ──────────────────  ─────
        a\nb\tc                 1
        \u{1b}[31mred\u{7}      2
        \u{202e}desrever        3
        ");
    }

    #[test]
    fn markdown_cells_hold_no_bars() {
        insta::assert_snapshot!(table(&[("a | b", "1"), (r"c\d", "2")]).markdown(), @r"
        | event | users |
        | --- | ---: |
        | a \| b | 1 |
        | c\\d | 2 |
        ");
    }

    #[test]
    fn long_texts_end_with_an_ellipsis() {
        assert_eq!(
            ["abcdef", "abcdefg", "구매하기", "구매하기요"].map(|text| clip(text, 6).into_owned()),
            ["abcdef", "abcde…", "구매…", "구매…"]
        );
        assert_eq!(clip("구매하기", 8), "구매하기");
    }
}

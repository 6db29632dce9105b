//! Formulas over the series of a question: `A / B * 100`.
//!
//! ```text
//!   sum     = product (("+" | "-") product)*
//!   product = factor (("*" | "/") factor)*
//!   factor  = number | letter | "-" factor | "(" sum ")"
//! ```

use super::fields::shorten;

/// The longest formula, in bytes. It bounds how deep one can be.
pub(super) const MAX_FORMULA_BYTES: usize = 500;

/// Something to reckon for each bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct Formula {
    text: String,
    root: Node,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Number(f64),
    Series(usize),
    Negative(Box<Node>),
    Of(Operator, Box<Node>, Box<Node>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Formula {
    /// Reads a formula over so many series, of which the first is `A`.
    ///
    /// # Errors
    /// What was found, and what was expected.
    pub fn parse(text: &str, series: usize) -> Result<Self, String> {
        if text.len() > MAX_FORMULA_BYTES {
            return Err(format!("found {} bytes; expected at most {MAX_FORMULA_BYTES}", text.len()));
        }
        let mut parser = Parser { text, rest: text, series };
        let root = parser.sum()?;
        match parser.peek() {
            None => Ok(Self { text: text.to_owned(), root }),
            Some(other) => Err(parser.unexpected(Some(other), "an operator (+ - * /) or the end")),
        }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value for the values of the series; `None` where one of them has none, or where it would be divided by nothing.
    pub fn value(&self, series: &[Option<f64>]) -> Option<f64> {
        self.root.value(series).filter(|value| value.is_finite())
    }
}

impl Node {
    fn value(&self, series: &[Option<f64>]) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Series(at) => series.get(*at).copied().flatten(),
            Self::Negative(node) => node.value(series).map(|value| -value),
            Self::Of(operator, left, right) => {
                let (left, right) = (left.value(series)?, right.value(series)?);
                Some(match operator {
                    Operator::Add => left + right,
                    Operator::Subtract => left - right,
                    Operator::Multiply => left * right,
                    Operator::Divide => left / right,
                })
            }
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    rest: &'t str,
    series: usize,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.rest = &self.rest[next.len_utf8()..];
        Some(next)
    }

    fn unexpected(&self, found: Option<char>, expected: &str) -> String {
        let found = found.map_or_else(|| "the end".to_owned(), |found| format!("`{found}`"));
        format!("found {found} in `{}`; expected {expected}", shorten(self.text))
    }

    fn sum(&mut self) -> Result<Node, String> {
        let mut node = self.product()?;
        while let Some(operator) = match self.peek() {
            Some('+') => Some(Operator::Add),
            Some('-') => Some(Operator::Subtract),
            _ => None,
        } {
            self.next();
            node = Node::Of(operator, Box::new(node), Box::new(self.product()?));
        }
        Ok(node)
    }

    fn product(&mut self) -> Result<Node, String> {
        let mut node = self.factor()?;
        while let Some(operator) = match self.peek() {
            Some('*') => Some(Operator::Multiply),
            Some('/') => Some(Operator::Divide),
            _ => None,
        } {
            self.next();
            node = Node::Of(operator, Box::new(node), Box::new(self.factor()?));
        }
        Ok(node)
    }

    fn factor(&mut self) -> Result<Node, String> {
        match self.next() {
            Some('(') => {
                let node = self.sum()?;
                match self.next() {
                    Some(')') => Ok(node),
                    other => Err(self.unexpected(other, "`)`")),
                }
            }
            Some('-') => Ok(Node::Negative(Box::new(self.factor()?))),
            Some(letter) if letter.is_ascii_alphabetic() => self.letter(letter),
            Some(digit) if digit.is_ascii_digit() || digit == '.' => self.number(digit),
            other => Err(self.unexpected(other, "a series such as `A`, a number or `(`")),
        }
    }

    fn letter(&mut self, letter: char) -> Result<Node, String> {
        let at = (letter.to_ascii_uppercase() as u8 - b'A') as usize;
        // Two letters side by side are a word, and no series.
        let is_word = self.rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
        if at < self.series && !is_word {
            return Ok(Node::Series(at));
        }
        let last = char::from(b'A' + (self.series.clamp(1, 26) - 1) as u8);
        let known = if self.series > 1 {
            format!("the series are `A` to `{last}`")
        } else {
            "the only series is `A`".to_owned()
        };
        let name: String = std::iter::once(letter)
            .chain(self.rest.chars().take_while(|next| next.is_alphanumeric() || *next == '_'))
            .collect();
        Err(format!("there is no series `{}`; {known}", shorten(&name)))
    }

    fn number(&mut self, first: char) -> Result<Node, String> {
        let more = self.rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let text = format!("{first}{}", &self.rest[..more]);
        self.rest = &self.rest[more..];
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Node::Number(number)),
            _ => Err(format!("found `{}`; expected a number such as `100` or `0.5`", shorten(&text))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str, series: &[Option<f64>]) -> Option<f64> {
        Formula::parse(text, series.len()).unwrap().value(series)
    }

    #[test]
    fn products_go_before_sums_and_brackets_before_both() {
        let series = [Some(6.0), Some(3.0), None];
        for (text, expected) in [
            ("A", Some(6.0)),
            ("a/b", Some(2.0)),
            ("A + B * 2", Some(12.0)),
            ("(A + B) * 2", Some(18.0)),
            ("A - B - 1", Some(2.0)),
            ("A / B / 2", Some(1.0)),
            ("--A", Some(6.0)),
            ("-A * -B", Some(18.0)),
            (" 100 * A / (A + B) ", Some(100.0 * 6.0 / 9.0)),
            (".5 * A", Some(3.0)),
            ("A + C", None),
            ("A / (B - 3)", None),
            ("0 / 0", None),
        ] {
            assert_eq!(value(text, &series), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_formula_is_named() {
        let error = |text: &str| Formula::parse(text, 2).unwrap_err();
        assert_eq!(error(""), "found the end in ``; expected a series such as `A`, a number or `(`");
        assert_eq!(error("A +"), "found the end in `A +`; expected a series such as `A`, a number or `(`");
        assert_eq!(error("A B"), "found `B` in `A B`; expected an operator (+ - * /) or the end");
        assert_eq!(error("(A"), "found the end in `(A`; expected `)`");
        assert_eq!(error("A / C"), "there is no series `C`; the series are `A` to `B`");
        assert_eq!(error("users / A"), "there is no series `users`; the series are `A` to `B`");
        assert_eq!(error("1.2.3"), "found `1.2.3`; expected a number such as `100` or `0.5`");
        assert_eq!(Formula::parse("B", 1).unwrap_err(), "there is no series `B`; the only series is `A`");
        assert!(error(&"(".repeat(501)).starts_with("found 501 bytes"));
        assert!(error(&"(".repeat(500)).starts_with("found the end"));
    }

    proptest! {
        #[test]
        fn no_text_is_too_much(text in "[-+*/()A-C0-9. ]{0,40}", numbers in prop::array::uniform3(-9.0..9.0f64)) {
            if let Ok(formula) = Formula::parse(&text, 3) {
                let value = formula.value(&numbers.map(Some));
                prop_assert!(value.is_none_or(f64::is_finite));
            }
        }
    }
}

//! An experiment as people read it: variants, comparisons with their intervals drawn around zero, and what can be said.

use serde::{Serialize, Serializer};
use serde_json::json;
use weir_core::experiment::{
    Comparison, ExperimentReport, Interval, Method, VariantReport, p_value, points, share_within,
};
use weir_core::spec::{Spec, variant_name};

use super::numbers::{count, counted, duration};
use super::table::{Align, Table, clip, plain, width};
use super::{NO_FIGURE, Records, Report};

/// A longer value is cut in tables for people.
const LONGEST_NAME: usize = 40;
/// Intervals are drawn so wide.
const DRAWING: usize = 31;

/// An answer, and the property of its variants.
#[derive(Debug)]
pub struct ExperimentView<'a> {
    /// The answer.
    pub report: &'a ExperimentReport,
    /// The property whose values are the variants.
    pub property: String,
}

impl Serialize for ExperimentView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.report.serialize(serializer)
    }
}

impl Report for ExperimentView<'_> {
    /// One row a variant, the control first; what compares it with the control is empty for the control itself.
    fn records(&self) -> Records {
        let ends = |interval: Option<Interval>| [json!(interval.map(|i| i.low)), json!(interval.map(|i| i.high))];
        let rows = self.report.variants.iter().map(|variant| {
            let VariantReport { value, control, users, converted, rate, open, mixed, median_ms, expected, .. } =
                variant;
            let mut row = vec![value.clone(), json!(control), json!(users), json!(converted), json!(rate)];
            row.extend(ends(variant.rate_interval));
            row.extend([json!(open), json!(mixed), json!(median_ms), json!(expected)]);
            let compared = self.report.comparisons.iter().find(|other| !control && other.value == *value);
            row.push(json!(compared.map(|c| c.difference)));
            row.extend(ends(compared.and_then(|c| c.difference_interval)));
            row.push(json!(compared.map(|c| c.lift)));
            row.extend(ends(compared.and_then(|c| c.lift_interval)));
            row.extend([json!(compared.map(|c| c.p)), json!(compared.map(|c| c.p_adjusted))]);
            row.extend([json!(compared.map(|c| c.test)), json!(compared.map(|c| c.detectable))]);
            row
        });
        Records { columns: COLUMNS.to_vec(), rows: rows.collect() }
    }

    fn text(&self, columns: usize) -> String {
        let mut text = self.variants(LONGEST_NAME).text();
        if let Some((title, table)) = self.comparisons(LONGEST_NAME) {
            text.push_str(&format!("\n{title}\n\n{}", table.text()));
        }
        text.push_str(&format!("\n{}", wrapped(&self.report.verdict.sentence, columns)));
        for note in self.notes() {
            text.push_str(&format!("\n{}", wrapped(&note, columns)));
        }
        text
    }

    fn markdown(&self) -> String {
        let mut text = self.variants(usize::MAX).markdown();
        if let Some((title, table)) = self.comparisons(usize::MAX) {
            text.push_str(&format!("\n{title}\n\n{}", table.markdown()));
        }
        text.push_str(&format!("\n**{}**\n", plain(&self.report.verdict.sentence)));
        let notes: String = self.notes().iter().map(|note| format!("- {}\n", plain(note))).collect();
        if notes.is_empty() { text } else { format!("{text}\n{notes}") }
    }
}

const COLUMNS: [&str; 21] = [
    "value",
    "control",
    "users",
    "converted",
    "rate",
    "rate_low",
    "rate_high",
    "open",
    "mixed",
    "median_ms",
    "expected",
    "difference",
    "difference_low",
    "difference_high",
    "lift",
    "lift_low",
    "lift_high",
    "p",
    "p_adjusted",
    "test",
    "detectable",
];

fn right(title: &str) -> (String, Align) {
    (title.to_owned(), Align::Right)
}

fn or_none(text: Option<String>) -> String {
    text.unwrap_or_else(|| NO_FIGURE.to_owned())
}

/// `10.2% to 13.8%`
fn between(interval: Option<Interval>, write: impl Fn(f64) -> String) -> String {
    or_none(interval.map(|ends| format!("{} to {}", write(ends.low), write(ends.high))))
}

impl<'a> ExperimentView<'a> {
    /// The view of an answer, with what its question says of it.
    pub fn of(spec: &Spec, report: &'a ExperimentReport) -> Self {
        let property = match spec {
            Spec::Experiment(spec) => spec.exposure.property.to_string(),
            _ => String::new(),
        };
        Self { report, property }
    }

    /// `95%`
    fn confidence(&self) -> String {
        format!("{}%", (self.report.confidence * 1000.0).round() / 10.0)
    }

    fn variants(&self, longest_name: usize) -> Table {
        let columns = vec![
            (clip(&self.property, longest_name).into_owned(), Align::Left),
            right("users"),
            right("converted"),
            right("rate"),
            right(&format!("{} interval", self.confidence())),
            right("median"),
            right("still open"),
        ];
        let mut table = Table::new(columns);
        for variant in &self.report.variants {
            let within = variant.rate_interval;
            let name = clip(&variant_name(&variant.value), longest_name).into_owned();
            table.row(vec![
                if variant.control { format!("{name} (control)") } else { name },
                count(variant.users),
                count(variant.converted),
                or_none(variant.rate.map(|rate| share_within(rate, within))),
                between(within, |end| share_within(end, within)),
                or_none(variant.median_ms.0.map(duration)),
                count(variant.open),
            ]);
        }
        table
    }

    /// What is compared, if anything, and with what.
    fn comparisons(&self, longest_name: usize) -> Option<(String, Table)> {
        let control = self.report.variants.first().filter(|_| !self.report.comparisons.is_empty())?;
        let comparisons = &self.report.comparisons;
        let are_several = comparisons.len() > 1;
        let mut columns = vec![
            (clip(&self.property, longest_name).into_owned(), Align::Left),
            right("points"),
            right(&format!("{} interval", self.confidence())),
            ("below ┊ above".to_owned(), Align::Left),
            right("relative"),
            right(&format!("{} interval", self.confidence())),
            right("p"),
        ];
        columns.extend(["adjusted"].iter().filter(|_| are_several).map(|title| right(title)));
        columns.push(("test".to_owned(), Align::Left));
        let mut table = Table::new(columns);
        let scale = Scale::of(comparisons.iter().filter_map(|comparison| comparison.difference_interval));
        for comparison in comparisons {
            let mut row = self.comparison(comparison, scale, longest_name);
            let adjusted = or_none(comparison.p_adjusted.map(p_value));
            if are_several {
                row.push(adjusted);
            }
            row.push(or_none(comparison.test.map(|test| test_name(test).to_owned())));
            table.row(row);
        }
        let name = clip(&variant_name(&control.value), longest_name).into_owned();
        Some((format!("Against {name}, in percentage points and relative to its rate:"), table))
    }

    /// The cells up to the p-value.
    fn comparison(&self, comparison: &Comparison, scale: Scale, longest_name: usize) -> Vec<String> {
        let within = comparison.difference_interval;
        let drawing = within.zip(comparison.difference).map(|(within, difference)| scale.draw(within, difference));
        let percent = |share: f64| format!("{}%", points(share, comparison.lift_interval));
        vec![
            clip(&variant_name(&comparison.value), longest_name).into_owned(),
            or_none(comparison.difference.map(|difference| points(difference, within))),
            between(within, |end| points(end, within)),
            drawing.unwrap_or_default(),
            or_none(comparison.lift.map(percent)),
            between(comparison.lift_interval, percent),
            or_none(comparison.p.map(p_value)),
        ]
    }

    /// What has to be kept in mind, and who was not compared.
    fn notes(&self) -> Vec<String> {
        let apart = &self.report.apart;
        let who = [
            (apart.missing, format!("without `{}`", self.property)),
            (apart.other, "with other values".to_owned()),
            (apart.not_exposed, format!("who did not come to step {}", self.report.exposure.step)),
        ];
        let parts: Vec<String> = who
            .iter()
            .filter(|(users, _)| *users > 0)
            .map(|(users, which)| format!("{} {which}", counted(*users, "user")))
            .collect();
        let apart = (!parts.is_empty()).then(|| format!("Not compared: {}.", parts.join(", ")));
        self.report.caveats.iter().map(|caveat| caveat.sentence.clone()).chain(apart).collect()
    }
}

fn test_name(test: Method) -> &'static str {
    match test {
        Method::Z => "z",
        Method::Fisher => "Fisher's exact",
    }
}

/// From the lowest to the highest end of several intervals, and zero.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of(intervals: impl Iterator<Item = Interval>) -> Self {
        intervals.fold(Self { low: 0.0, high: 0.0 }, |scale, interval| Self {
            low: scale.low.min(interval.low),
            high: scale.high.max(interval.high),
        })
    }

    fn column(self, number: f64) -> usize {
        let span = self.high - self.low;
        if span <= 0.0 { 0 } else { ((number - self.low) / span * (DRAWING - 1) as f64).round() as usize }
    }

    /// `├──●──┤`, and a dotted line where zero is.
    fn draw(self, interval: Interval, estimate: f64) -> String {
        let [low, at, high, zero] = [interval.low, estimate, interval.high, 0.0].map(|number| self.column(number));
        let sign = |column: usize| match column {
            c if c == at => '●',
            c if c == low => '├',
            c if c == high => '┤',
            c if c == zero && low < c && c < high => '┼',
            c if c == zero => '┊',
            c if low < c && c < high => '─',
            _ => ' ',
        };
        (0..DRAWING).map(sign).collect::<String>().trim_end().to_owned()
    }
}

/// A text in lines of at most so many columns, broken between words.
fn wrapped(text: &str, columns: usize) -> String {
    let mut lines = String::new();
    let mut used = 0;
    for word in plain(text).split(' ') {
        let more = width(word);
        if used > 0 && used + 1 + more > columns {
            lines.push('\n');
            used = 0;
        } else if used > 0 {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += more;
    }
    lines.push('\n');
    lines
}

#[cfg(test)]
#[path = "experiment_tests.rs"]
mod tests;

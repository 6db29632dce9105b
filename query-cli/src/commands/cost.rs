//! `weir cost`: what a load costs on AWS in a month.

use serde::Serialize;
use serde_json::json;

use crate::args::CostArgs;
use crate::cost::{Cost, Measured, Prices, estimate};
use crate::error::Failure;
use crate::output;
use crate::render::table::{Align, Table};
use crate::render::{Records, Report};

/// Runs the command.
///
/// # Errors
/// A file of prices that cannot be read.
pub fn run(args: &CostArgs) -> Result<(), Failure> {
    let text = args.prices.as_ref().map(std::fs::read_to_string).transpose().map_err(|error| {
        let file = args.prices.as_deref().unwrap_or(std::path::Path::new("")).display();
        Failure::usage(format!("the prices of {file} cannot be read: {error}"))
    })?;
    let prices = Prices::read(text.as_deref()).map_err(|error| {
        Failure::usage(format!("the prices cannot be read: {error}"))
            .hint("write them as `query-cli/data/prices.json` of weir's source does")
    })?;
    let measured = Measured::read().map_err(|error| Failure::failed(format!("the figures cannot be read: {error}")))?;
    let cost = estimate(&args.load(), &args.deployment(), &prices, &measured);
    output::print(&CostReport(&cost), args.output.format)?;
    if !args.output.quiet {
        output::say(said(&cost));
    }
    Ok(())
}

/// What the estimate rests on.
fn said(cost: &Cost) -> String {
    let assumptions: String = cost.assumptions.iter().map(|assumption| format!("\n  {assumption}")).collect();
    format!("an estimate, with prices of {} in {}:{assumptions}", cost.priced_on, cost.region)
}

#[derive(Serialize)]
#[serde(transparent)]
struct CostReport<'a>(&'a Cost);

/// Money with cents, and with a digit more where it is less than one.
fn money(amount: f64) -> String {
    if amount < 1.0 { format!("{amount:.3}") } else { format!("{amount:.2}") }
}

impl CostReport<'_> {
    fn table(&self) -> Table {
        let cost = self.0;
        let columns = vec![
            ("part".to_owned(), Align::Left),
            (cost.currency.clone(), Align::Right),
            ("of".to_owned(), Align::Left),
        ];
        let mut table = Table::new(columns);
        for part in &cost.parts {
            table.row(vec![part.part.to_owned(), money(part.month), part.amount.clone()]);
        }
        table
    }

    fn totals(&self) -> Vec<(&'static str, String)> {
        let cost = self.0;
        let mut totals = vec![("a month", money(cost.month))];
        totals.extend(cost.per_million_events.map(|amount| ("a million events", money(amount))));
        totals.push(("a month without events", money(cost.idle_month)));
        totals
    }
}

impl Report for CostReport<'_> {
    fn records(&self) -> Records {
        let rows = self.0.parts.iter().map(|part| vec![json!(part.part), json!(part.month), json!(part.amount)]);
        Records { columns: vec!["part", "month", "amount"], rows: rows.collect() }
    }

    fn text(&self, _width: usize) -> String {
        let mut text = self.table().text();
        text.push('\n');
        for (name, amount) in self.totals() {
            text.push_str(&format!("{name:<22}  {amount:>10} {}\n", self.0.currency));
        }
        text
    }

    fn markdown(&self) -> String {
        let mut text = self.table().markdown();
        text.push('\n');
        for (name, amount) in self.totals() {
            text.push_str(&format!("- {name}: {amount} {}\n", self.0.currency));
        }
        text
    }
}

//! `weir doctor`: what is wrong with a lake, what that means, and what to do.

use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use ingest_fn::settings_watch::{plan_of, privacy_of};
use serde::Serialize;
use serde_json::json;
use weir_core::ports::{RandomIds, SystemClock};
use weir_lake::examine::{Examined, Finding, Options, Severity, examine};
use weir_lake::{Settings, Store};

use super::open_store;
use crate::args::{DoctorArgs, OutputArgs};
use crate::engine::Engine;
use crate::error::Failure;
use crate::output;
use crate::outside::Seen;
use crate::render::numbers::counted;
use crate::render::table::{Align, Table, plain};
use crate::render::{Records, Report};

/// Runs the command.
///
/// # Errors
/// If there is no lake; and if something is wrong with it, which is printed before.
pub async fn run(args: &DoctorArgs) -> Result<(), Failure> {
    let store = open_store(&args.lake).await?;
    let options = Options { deep: args.deep, probe: !args.read_only };
    let mut examined = look_at(&store, options, &args.output).await?;
    let seen = match args.outside() {
        Some(outside) => {
            let engine = Engine::new(store.clone(), Arc::new(SystemClock));
            outside.look(&engine, &SystemClock, &RandomIds).await?
        }
        None => Seen::default(),
    };
    examined.findings.splice(0..0, seen.findings);
    examined.findings.sort_by_key(|finding| finding.severity);
    examined.healthy = examined.findings.iter().all(|finding| finding.severity == Severity::Note);
    output::print(&Diagnosis(&examined), args.output.format)?;
    if !args.output.quiet {
        let seen = seen.facts.iter().map(|fact| format!("; {fact}"));
        output::say(format_args!("{}{}", facts(&examined), seen.collect::<String>()));
    }
    if examined.healthy { Ok(()) } else { Err(Failure::failed(summary(&examined))) }
}

/// Looks at a lake, with a bar for whoever watches.
pub(super) async fn look_at(store: &Store, options: Options, output: &OutputArgs) -> Result<Examined, Failure> {
    let bar = progress_bar(output)?;
    let progress = |done: u64, of: u64| {
        bar.set_length(of);
        bar.set_position(done);
    };
    let examined = examine(store, &SystemClock, &RandomIds, options, &progress).await;
    bar.finish_and_clear();
    let mut examined = examined?;
    // The lake knows of its settings that they are JSON; what is in them is known here.
    if let Ok(settings) = Settings::newest(store).await {
        let problems = [privacy_of(&settings).err(), plan_of(&settings).err()];
        let findings = problems.into_iter().flatten().map(|problem| Finding {
            severity: Severity::Error,
            code: "settings_unreadable",
            object: "settings".to_owned(),
            found: problem.to_string(),
            means: "nothing starts that needs them; what runs goes on with what it has read".to_owned(),
            remedy: "do what the message says".to_owned(),
            mend: None,
        });
        examined.findings.extend(findings);
        examined.findings.sort_by_key(|finding| finding.severity);
        examined.healthy = examined.findings.iter().all(|finding| finding.severity == Severity::Note);
    }
    Ok(examined)
}

fn progress_bar(output: &OutputArgs) -> Result<ProgressBar, Failure> {
    if output.quiet || !output::is_watched() {
        return Ok(ProgressBar::hidden());
    }
    let style = ProgressStyle::with_template("looking {wide_bar} {pos} of {len} objects")
        .map_err(|e| Failure::failed(format!("progress bar: {e}")))?;
    let bar = ProgressBar::new(0).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(200));
    Ok(bar)
}

fn facts(examined: &Examined) -> String {
    let tables = examined.tables.iter().map(|table| {
        let (files, rows) = (counted(table.files, "file"), counted(table.rows, "row"));
        format!("{}: version {}, {files}, {rows}", table.table, table.version)
    });
    let how = if examined.deep { "all rows were read" } else { "rows were not read; --deep reads them" };
    let lines: Vec<String> = tables.collect();
    let verdict = if examined.findings.is_empty() { "nothing was found: " } else { "" };
    format!("{verdict}{} ({how})", lines.join("; "))
}

fn summary(examined: &Examined) -> String {
    let number = |severity| examined.findings.iter().filter(|f| f.severity == severity).count() as u64;
    let (errors, warnings) = (number(Severity::Error), number(Severity::Warning));
    format!("the lake has {} and {}", counted(errors, "error"), counted(warnings, "warning"))
}

fn severity_text(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// What is printed.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Diagnosis<'a>(&'a Examined);

impl Diagnosis<'_> {
    fn row(finding: &Finding) -> [(&'static str, &str); 6] {
        [
            ("severity", severity_text(finding.severity)),
            ("code", finding.code),
            ("object", &finding.object),
            ("found", &finding.found),
            ("means", &finding.means),
            ("remedy", &finding.remedy),
        ]
    }
}

impl Report for Diagnosis<'_> {
    fn records(&self) -> Records {
        let columns = vec!["severity", "code", "object", "found", "means", "remedy"];
        let rows =
            self.0.findings.iter().map(|finding| Self::row(finding).iter().map(|(_, text)| json!(text)).collect());
        Records { columns, rows: rows.collect() }
    }

    fn text(&self, width: usize) -> String {
        let blocks = self.0.findings.iter().map(|finding| {
            let Finding { code, object, found, means, remedy, .. } = finding;
            let head = format!("{:<7}  {code}  {}\n", severity_text(finding.severity), plain(object));
            let lines = [("found", found), ("means", means), ("do", remedy)];
            let lines = lines.map(|(what, text)| wrapped(&format!("  {what:<5}  "), &plain(text), width));
            head + &lines.concat()
        });
        blocks.collect::<Vec<_>>().join("\n")
    }

    fn markdown(&self) -> String {
        let columns = ["severity", "code", "object", "found", "means", "do"];
        let mut table = Table::new(columns.map(|name| (name.to_owned(), Align::Left)).to_vec());
        for finding in &self.0.findings {
            table.row(Self::row(finding).map(|(_, text)| text.to_owned()).to_vec());
        }
        table.markdown()
    }
}

/// Text behind a label, in lines of at most `width` columns where words allow it.
fn wrapped(label: &str, text: &str, width: usize) -> String {
    let (mut out, mut line) = (String::new(), label.to_owned());
    let mut is_empty = true;
    for word in text.split(' ') {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > width {
            out.push_str(line.trim_end());
            out.push('\n');
            line = " ".repeat(label.chars().count());
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    out + line.trim_end() + "\n"
}

#[cfg(test)]
mod tests {
    use weir_lake::examine::TableFigures;

    use super::*;
    use crate::output::Format;
    use crate::render::render;

    fn examined(findings: Vec<Finding>) -> Examined {
        let table = TableFigures { table: "events", version: 4, commits: 5, files: 12, rows: 100_000 };
        let healthy = findings.is_empty();
        Examined { lake: "./lake".to_owned(), healthy, deep: false, tables: vec![table], findings }
    }

    fn finding() -> Finding {
        Finding {
            severity: Severity::Error,
            code: "missing_file",
            object: "events/landed/x.parquet".to_owned(),
            found: "version 3 names it: it is not there".to_owned(),
            means: "40 events cannot be read; a question that needs the file fails, others do not".to_owned(),
            remedy:
                "restore it from a backup; without one, `weir repair --accept-loss --lake ./lake` goes on without it"
                    .to_owned(),
            mend: None,
        }
    }

    #[test]
    fn findings_in_every_format() {
        let examined = examined(vec![finding()]);
        let show = |format| render(&Diagnosis(&examined), format, 80).unwrap();
        insta::assert_snapshot!(show(Format::Table), @"
        error    missing_file  events/landed/x.parquet
          found  version 3 names it: it is not there
          means  40 events cannot be read; a question that needs the file fails, others
                 do not
          do     restore it from a backup; without one, `weir repair --accept-loss
                 --lake ./lake` goes on without it
        ");
        insta::assert_snapshot!(show(Format::Json), @r#"
        {"lake":"./lake","healthy":false,"deep":false,"tables":[{"table":"events","version":4,"commits":5,"files":12,"rows":100000}],"findings":[{"severity":"error","code":"missing_file","object":"events/landed/x.parquet","found":"version 3 names it: it is not there","means":"40 events cannot be read; a question that needs the file fails, others do not","remedy":"restore it from a backup; without one, `weir repair --accept-loss --lake ./lake` goes on without it"}]}
        "#);
        insta::assert_snapshot!(show(Format::Csv), @r#"
        severity,code,object,found,means,remedy
        error,missing_file,events/landed/x.parquet,version 3 names it: it is not there,"40 events cannot be read; a question that needs the file fails, others do not","restore it from a backup; without one, `weir repair --accept-loss --lake ./lake` goes on without it"
        "#);
        insta::assert_snapshot!(show(Format::Markdown), @"
        | severity | code | object | found | means | do |
        | --- | --- | --- | --- | --- | --- |
        | error | missing_file | events/landed/x.parquet | version 3 names it: it is not there | 40 events cannot be read; a question that needs the file fails, others do not | restore it from a backup; without one, `weir repair --accept-loss --lake ./lake` goes on without it |
        ");
        assert_eq!(summary(&examined), "the lake has 1 error and 0 warnings");
    }

    #[test]
    fn a_healthy_lake_says_what_was_looked_at() {
        let examined = examined(Vec::new());
        assert_eq!(render(&Diagnosis(&examined), Format::Table, 80).unwrap(), "");
        assert_eq!(
            facts(&examined),
            "nothing was found: events: version 4, 12 files, 100,000 rows (rows were not read; --deep reads them)"
        );
    }
}

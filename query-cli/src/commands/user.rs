//! `weir user`: what one user did, in order.

use weir_core::ports::{Clock, SystemClock};
use weir_core::spec::{SpecError, SpecProblem};

use super::{engine, say_foreign};
use crate::args::UserArgs;
use crate::engine::user::{Timeline, TimelineQuestion};
use crate::error::Failure;
use crate::output;
use crate::render::numbers::counted;
use crate::timeline::{Asked, Bounds, TimelineView};

/// Runs the command. A user whom the lake does not have is an empty answer, and no failure.
///
/// # Errors
/// A usage error for dates that cannot be understood, else whatever is wrong with the lake.
pub async fn run(args: &UserArgs) -> Result<(), Failure> {
    let asked = asked(args, &SystemClock)?;
    let engine = engine(&args.lake).await?;
    let timeline = engine.timeline(&asked.question).await?;
    let view = TimelineView { asked: &asked, timeline: &timeline };
    output::print(&view, args.output.format)?;
    say_foreign(engine.last_snapshot().await.as_ref());
    if !args.output.quiet {
        output::say(facts(&timeline));
        view.notes().iter().for_each(output::say);
    }
    Ok(())
}

fn asked(args: &UserArgs, clock: &dyn Clock) -> Result<Asked, Failure> {
    let bounds = Bounds {
        from: args.from.as_deref(),
        to: args.to.as_deref(),
        last: args.last.as_deref(),
        timezone: args.timezone.as_deref(),
    };
    let as_option = |problem: SpecProblem| SpecProblem { field: format!("--{}", problem.field), ..problem };
    let period = bounds.period(clock.now_ms()).map_err(|error| {
        let problems = error.problems.into_iter().map(as_option).collect();
        Failure::from(SpecError { problems })
    })?;
    let question = TimelineQuestion {
        id: args.id.clone(),
        range: period.range,
        events: args.events.clone(),
        limit: usize::try_from(args.limit).unwrap_or(usize::MAX),
        newest_first: args.newest_first,
    };
    Ok(Asked { question, period })
}

fn facts(timeline: &Timeline) -> String {
    let scanned = timeline.scanned;
    let files = counted(scanned.files, "file");
    format!("version {}, {files} opened, {} ms", timeline.version, scanned.elapsed_ms)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use weir_core::ports::ManualClock;

    use super::*;
    use crate::args::{Cli, Command};

    fn ask(options: &[&str]) -> Result<Asked, Failure> {
        let cli = Cli::try_parse_from(["weir", "user", "ana"].iter().chain(options)).unwrap();
        let Command::User(args) = cli.command else { panic!("another command") };
        asked(&args, &ManualClock::new(1_767_225_600_000))
    }

    #[test]
    fn dates_are_those_of_the_zone_and_problems_those_of_options() {
        let asked = ask(&["--from", "2026-01-01", "--timezone", "Asia/Seoul", "--event", "a", "--limit", "7"]).unwrap();
        assert_eq!(asked.question.range.from_ms, Some(1_767_193_200_000));
        assert_eq!((asked.question.events, asked.question.limit), (vec!["a".to_owned()], 7));
        let refused = ask(&["--from", "yesterday", "--timezone", "Asia/Seul"]).unwrap_err();
        assert_eq!(refused.exit.code(), 2);
        assert!(refused.message.contains("--timezone: unknown time zone `Asia/Seul`; did you mean"), "{refused}");
        assert!(refused.message.contains("--from: found `yesterday`"), "{refused}");
    }
}

//! `weir explain-user`: why one user did or did not go all the way, event by event.

use super::funnel::read_question;
use super::{engine, say_foreign};
use crate::args::ExplainUserArgs;
use crate::error::Failure;
use crate::explanation::ExplanationView;
use crate::output;
use crate::render::numbers::counted;

/// Runs the command. A user whom the lake does not have is an empty answer, and no failure.
///
/// # Errors
/// A usage error for a question that cannot be understood, else whatever is wrong with the lake.
pub async fn run(args: &ExplainUserArgs) -> Result<(), Failure> {
    let (_, spec) = read_question(&args.question)?;
    let engine = engine(&args.lake).await?;
    let answer = engine.explain(&args.id, &spec).await?;
    let view = ExplanationView { asked_for: &args.id, spec: &spec, answer: &answer };
    output::print(&view, args.output.format)?;
    say_foreign(engine.last_snapshot().await.as_ref());
    if !args.output.quiet {
        let (files, elapsed_ms) = (counted(answer.scanned.files, "file"), answer.scanned.elapsed_ms);
        output::say(format_args!("version {}, {files} opened, {elapsed_ms} ms", answer.version));
        view.notes().iter().for_each(output::say);
    }
    Ok(())
}

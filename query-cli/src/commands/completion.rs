//! `weir completion`: the script that completes command lines in a shell.

use crate::args::CompletionArgs;
use crate::completion::script;
use crate::error::Failure;
use crate::output::Results;

/// Runs the command.
///
/// # Errors
/// The script cannot be written.
pub fn run(args: &CompletionArgs) -> Result<(), Failure> {
    let mut results = Results::stdout();
    results.bytes(&script(&args.shell).map_err(Failure::failed)?)?;
    results.finish().map(|_| ())
}

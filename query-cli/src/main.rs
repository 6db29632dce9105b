//! The `weir` binary: parse the arguments, build the runtime, run, and map what went wrong to an exit code.

use std::process::ExitCode;

use clap::Parser;
use query_cli::args::{Cli, Command};
use query_cli::error::Failure;
use query_cli::{commands, completion, output};

fn main() -> ExitCode {
    match completion::answer(std::env::args_os().collect(), std::env::current_dir().ok().as_deref()) {
        Ok(false) => {}
        Ok(true) => return ExitCode::SUCCESS,
        Err(error) => return output::report_arguments(&error),
    }
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => return output::report_arguments(&error),
    };
    output::start_logging(command.log_level(), command.log_format());
    match run(&command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output::report(&failure),
    }
}

fn run(command: &Command) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(commands::run(command))
}

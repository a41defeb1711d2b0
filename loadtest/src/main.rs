//! `usher-loadtest`.

use std::process::ExitCode;

use clap::Parser;
use usher_loadtest::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().execute()
}

//! The server.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    usher::cli::run(usher::cli::Cli::parse())
}

//! The command line.

mod account;
mod backup;
mod config;
mod demo;
mod sandbox;
mod serve;
mod stores;
mod ticket;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Fault, Layers, Settings};

/// What a program that could not start with its settings exits with.
const EXIT_FAULTS: u8 = 2;

/// Usher sells the seats of high-demand events.
#[derive(Debug, Parser)]
#[command(name = "usher", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve with everything embedded and events to look at.
    Demo {
        /// Where to listen; port 0 takes a free one.
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: String,
        /// Where everything is kept; a second start finds it again.
        #[arg(long, default_value = "./data/demo")]
        data: PathBuf,
        /// Print where the server is, and its logins, as one line of JSON.
        #[arg(long)]
        json: bool,
    },
    /// Serve.
    Serve {
        #[command(flatten)]
        from: From,
        /// Where to listen, instead of what the settings say.
        #[arg(long)]
        listen: Option<String>,
    },
    /// Serve the payment sandbox alone, for several nodes whose `payments.url` names it.
    Sandbox(sandbox::SandboxArgs),
    /// Bring the stores to this version, and stop.
    Migrate {
        #[command(flatten)]
        from: From,
    },
    /// Look at the settings.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Make an account; the password is read from the first line of the input.
    CreateAccount {
        #[command(flatten)]
        from: From,
        /// What it logs in with.
        #[arg(long)]
        email: String,
        /// The organizer's name, printed on tickets.
        #[arg(long)]
        organizer: String,
        /// May do everything.
        #[arg(long)]
        admin: bool,
    },
    /// Forget orders, tickets and sales figures, and project them anew from the journal.
    RebuildViews {
        #[command(flatten)]
        from: From,
        /// No server uses the stores now; needed where they are in a cluster, which cannot tell.
        #[arg(long)]
        nobody_serves: bool,
    },
    /// Copy a data folder while it is in use.
    Backup {
        /// The data folder.
        #[arg(long)]
        data: PathBuf,
        /// The folder to make; there must be none of that name.
        #[arg(long)]
        to: PathBuf,
    },
    /// Make a data folder from a backup.
    Restore {
        /// The backup.
        #[arg(long)]
        from: PathBuf,
        /// The folder to make; it must not be there or be empty.
        #[arg(long)]
        data: PathBuf,
    },
    /// Tell whether a ticket's code is genuine, without a connection.
    VerifyTicket {
        /// The code, as a scanner reads it.
        code: String,
        /// The published keys: the file, as fetched from /keys/tickets.json.
        #[arg(long)]
        keys: PathBuf,
        /// The event it must be for.
        #[arg(long)]
        event: Option<usher_core::EventId>,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Tell every fault, or that there is none.
    Check {
        #[command(flatten)]
        from: From,
    },
    /// Print the settings as they take effect, without secrets.
    Print {
        #[command(flatten)]
        from: From,
    },
}

/// Where settings come from.
#[derive(Debug, clap::Args)]
struct From {
    /// The settings file; without one, defaults and the environment.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Runs a command.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let outcome = match cli.command {
        Command::Demo { listen, data, json } => demo::run(&listen, &data, json),
        Command::Serve { from, listen } => serve::run(&from, listen.as_deref()),
        Command::Sandbox(args) => sandbox::run(args),
        Command::Migrate { from } => stores::migrate(&from),
        Command::Config { command: ConfigCommand::Check { from } } => config::check(&from),
        Command::Config { command: ConfigCommand::Print { from } } => config::print(&from),
        Command::CreateAccount { from, email, organizer, admin } => account::create(&from, email, organizer, admin),
        Command::RebuildViews { from, nobody_serves } => stores::rebuild_views(&from, nobody_serves),
        Command::Backup { data, to } => backup::backup(&data, &to),
        Command::Restore { from, data } => backup::restore(&from, &data),
        Command::VerifyTicket { code, keys, event } => ticket::verify(&code, &keys, event),
    };
    match outcome {
        Ok(code) => code,
        Err(faults) => {
            for fault in faults {
                eprintln!("usher: {fault}");
            }
            ExitCode::from(EXIT_FAULTS)
        }
    }
}

/// What a command comes to: an exit code, or everything that is wrong.
type Outcome = Result<ExitCode, Vec<Fault>>;

impl From {
    /// The layers below the command line.
    fn layers(&self) -> Layers {
        let mut layers = Layers::default();
        if let Some(path) = &self.config {
            match std::fs::read_to_string(path) {
                Ok(text) => layers.file(&path.display().to_string(), &text),
                Err(error) => layers.fault(&path.display().to_string(), &error.to_string()),
            }
        }
        layers.environment(std::env::vars());
        layers
    }

    fn settings(&self) -> Result<Settings, Vec<Fault>> {
        self.layers().settings()
    }
}

/// Prints a line for whoever ran the command.
#[expect(clippy::print_stdout, reason = "the command line's own output")]
fn say(line: &str) {
    println!("{line}");
}

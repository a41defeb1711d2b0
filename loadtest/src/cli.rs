//! The command line.
//!
//! Exit codes: 0 clean; 98 contradictions; 2 arguments that make no sense; 1 anything else that failed.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use crate::drive::Crowd;
use crate::inspect::OwnEvent;
use crate::plan::Persona;
use crate::report::Report;
use crate::run::{Occasion, Settings, Target, run};

/// Contradictions were found.
const EXIT_CONTRADICTIONS: u8 = 98;
/// Arguments that make no sense.
const EXIT_USAGE: u8 = 2;
/// Buyers of one run: each is kept for the audit.
const BUYERS_OF_RUN_MAX: f64 = 500_000.0;

/// Sends buyers to Usher, and audits the sale.
#[derive(Debug, Parser)]
#[command(name = "usher-loadtest", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send a seeded crowd of buyers, wait until the sale rests, and audit it: exit 98 on any contradiction.
    Run(RunArgs),
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Start a server for this run, with everything embedded, and end it afterwards.
    #[arg(long, required_unless_present = "target", conflicts_with = "target")]
    embedded: bool,
    /// The server's binary, if not the one beside this program.
    #[arg(long, value_name = "PATH", requires = "embedded")]
    server_bin: Option<PathBuf>,
    /// Where that server keeps its data and its log; they stay there. Must be new or empty for a clean audit.
    #[arg(long, value_name = "DIR", requires = "embedded")]
    folder: Option<PathBuf>,
    /// Base URLs of servers that run, parted by commas.
    #[arg(
        long,
        value_name = "URL",
        value_delimiter = ',',
        requires = "organizer_email",
        requires = "organizer_password"
    )]
    target: Vec<String>,
    /// E-mail of the event's organizer, who may see its orders.
    #[arg(long, value_name = "EMAIL")]
    organizer_email: Option<String>,
    /// The organizer's password.
    #[arg(long, value_name = "PASSWORD")]
    organizer_password: Option<String>,
    /// Send buyers to other machines than this one.
    #[arg(long)]
    allow_remote: bool,
    /// The event, by id or a part of its name; the largest one on sale unless told.
    #[arg(long, value_name = "ID|NAME")]
    event: Option<String>,
    /// Put an event of one's own on sale, a hall with so many seats.
    #[arg(long, value_name = "SEATS", conflicts_with = "event")]
    own_event: Option<u32>,
    /// How long holds of that event last; late payers then pay around its end.
    #[arg(long, default_value = "8m", value_parser = duration, requires = "own_event")]
    hold: Duration,
    /// Decides when buyers come and what they do.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long buyers come: 500ms, 20s, 2m.
    #[arg(long, default_value = "20s", value_parser = duration)]
    duration: Duration,
    /// Buyers a second on average.
    #[arg(long, default_value_t = 50.0, value_name = "PER_SECOND")]
    rate: f64,
    /// Buyers who come together at the start.
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    burst: u64,
    /// Everybody behaves like that, as in pays_late; a mixture unless told.
    #[arg(long, value_name = "PERSONA", value_parser = persona)]
    only: Option<Persona>,
    /// Buyers under way at once; the next ones wait, which counts in their latency.
    #[arg(long, default_value_t = 1_000, value_name = "COUNT")]
    buyers_max: usize,
    /// How long the sale may take to come to rest after the last buyer.
    #[arg(long, default_value = "60s", value_parser = duration)]
    settle: Duration,
    /// The server may go and come back while this runs.
    #[arg(long)]
    expect_restarts: bool,
    /// Write the report there as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Cli {
    /// Does what was asked.
    #[must_use]
    pub fn execute(self) -> ExitCode {
        let Command::Run(args) = self.command;
        let settings = match args.settings() {
            Ok(settings) => settings,
            Err(fault) => {
                complain(&fault);
                return ExitCode::from(EXIT_USAGE);
            }
        };
        match work(&settings).and_then(|report| tell(&report, args.json.as_deref()).map(|()| report)) {
            Ok(report) if report.violations > 0 => ExitCode::from(EXIT_CONTRADICTIONS),
            Ok(report) => match report.failure(settings.expect_restarts) {
                Some(why) => {
                    complain(&why);
                    ExitCode::FAILURE
                }
                None => ExitCode::SUCCESS,
            },
            Err(error) => {
                complain(&format!("{error:#}"));
                ExitCode::FAILURE
            }
        }
    }
}

impl RunArgs {
    /// The settings, or the first thing about them that makes no sense.
    fn settings(&self) -> Result<Settings, String> {
        if !self.rate.is_finite() || self.rate < 0.0 || (self.rate == 0.0 && self.burst == 0) {
            return Err("--rate must be a number above 0, or 0 with a --burst".to_owned());
        }
        #[expect(clippy::cast_precision_loss, reason = "only compared with a bound")]
        let buyers_count = self.rate * self.duration.as_secs_f64() + self.burst as f64;
        if buyers_count > BUYERS_OF_RUN_MAX {
            return Err(format!("{buyers_count:.0} buyers are more than one run can audit ({BUYERS_OF_RUN_MAX})"));
        }
        if self.buyers_max == 0 || self.buyers_max > tokio::sync::Semaphore::MAX_PERMITS {
            return Err("--buyers-max must be at least 1".to_owned());
        }
        if let Some(folder) = self.json.as_ref().and_then(|json| json.parent()).filter(|at| !at.as_os_str().is_empty())
            && !folder.is_dir()
        {
            return Err(format!("--json: there is no folder {}", folder.display()));
        }
        if let Some(binary) = self.server_bin.as_ref().filter(|binary| !binary.is_file()) {
            return Err(format!("--server-bin: there is no file {}", binary.display()));
        }
        let target = if self.embedded {
            Target::Embedded { binary: self.server_bin.clone(), folder: self.folder.clone() }
        } else {
            for url in &self.target {
                check_url(url, self.allow_remote)?;
            }
            let needed = |given: &Option<String>| given.clone().unwrap_or_default();
            let (email, password) = (needed(&self.organizer_email), needed(&self.organizer_password));
            Target::Running { urls: self.target.clone(), email, password }
        };
        let crowd = Crowd {
            seed: self.seed,
            rate_per_s: self.rate,
            burst_count: self.burst,
            duration: self.duration,
            only: self.only,
            buyers_max: self.buyers_max,
        };
        let event = match (self.own_event, &self.event) {
            (Some(seats_count), _) => Occasion::Own(OwnEvent { seats_count, hold: self.hold }),
            (None, Some(name)) => Occasion::Named(name.clone()),
            (None, None) => Occasion::Largest,
        };
        let (settle_within, expect_restarts) = (self.settle, self.expect_restarts);
        Ok(Settings { target, crowd, event, settle_within, expect_restarts })
    }
}

/// Plain http, and on this machine unless allowed: a typing error must not put load on somebody else's server.
fn check_url(url: &str, allow_remote: bool) -> Result<(), String> {
    let parsed: reqwest::Url = url.parse().map_err(|_| format!("--target: {url:?} is no URL"))?;
    if parsed.scheme() != "http" {
        return Err(format!("--target: {url} is not plain http, the only thing this program speaks"));
    }
    let host = parsed.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if here || allow_remote {
        Ok(())
    } else {
        Err(format!("--target: {host} is another machine; say --allow-remote if it is yours to load"))
    }
}

/// A number with `ms`, `s` or `m`.
fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit_s = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        _ => return Err("a time needs a unit: 500ms, 20s, 2m".to_owned()),
    };
    let number: f64 = number.parse().map_err(|_| format!("{number:?} is no number"))?;
    Duration::try_from_secs_f64(number * unit_s).map_err(|error| error.to_string())
}

fn persona(name: &str) -> Result<Persona, String> {
    let names = || Persona::WEIGHTS.map(|(persona, _)| persona.name()).join(", ");
    Persona::by_name(name).ok_or_else(|| format!("it is one of {}", names()))
}

/// Runs until done or told to stop; what was started ends either way, because it is dropped.
fn work(settings: &Settings) -> anyhow::Result<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime")?;
    runtime.block_on(async {
        tokio::select! {
            report = run(settings) => report,
            () = told_to_stop() => anyhow::bail!("told to stop before the end; nothing was audited"),
        }
    })
}

async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        // Nobody can tell us then.
        Err(_) => std::future::pending().await,
    }
}

fn tell(report: &Report, json: Option<&std::path::Path>) -> anyhow::Result<()> {
    if let Some(json) = json {
        let text = serde_json::to_string_pretty(report)?;
        std::fs::write(json, text + "\n").with_context(|| format!("cannot write {}", json.display()))?;
    }
    // A reader who has gone does not change what was found.
    let _ = writeln!(std::io::stdout(), "{report}");
    Ok(())
}

fn complain(what: &str) {
    let _ = writeln!(std::io::stderr(), "usher-loadtest: {what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(arguments: &str) -> String {
        let arguments = ["usher-loadtest", "run"].into_iter().chain(arguments.split_whitespace());
        let Command::Run(args) = Cli::try_parse_from(arguments).unwrap().command;
        args.settings().unwrap_err()
    }

    #[test]
    fn times_need_a_unit() {
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1_500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert!(duration("20").is_err() && duration("s").is_err() && duration("-1s").is_err());
    }

    #[test]
    fn arguments_that_make_no_sense_are_told_in_one_line() {
        assert!(fault("--embedded --rate 0").contains("--rate"));
        assert!(fault("--embedded --rate 1e9").contains("more than one run"));
        assert!(fault("--embedded --json /no/such/folder/out.json").contains("folder"));
        let target = "--organizer-email a@b.example --organizer-password x --target";
        assert!(fault(&format!("{target} http://example.org")).contains("--allow-remote"));
        assert!(fault(&format!("{target} https://127.0.0.1:1")).contains("plain http"));
    }

    #[test]
    fn a_server_must_be_named_one_way() {
        for arguments in [vec!["run"], vec!["run", "--embedded", "--target", "http://127.0.0.1:1"]] {
            let arguments = std::iter::once("usher-loadtest").chain(arguments);
            assert!(Cli::try_parse_from(arguments).is_err());
        }
    }
}

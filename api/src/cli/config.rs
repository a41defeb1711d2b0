//! `usher config check` and `usher config print`.

use std::process::ExitCode;

use super::{From, Outcome, say};
use crate::config::Fault;

pub(super) fn check(from: &From) -> Outcome {
    from.settings()?;
    say("The settings are fine.");
    Ok(ExitCode::SUCCESS)
}

pub(super) fn print(from: &From) -> Outcome {
    let settings = from.settings()?;
    let text = toml::to_string_pretty(&settings)
        .map_err(|error| vec![Fault { key: "settings".to_owned(), what: error.to_string() }])?;
    say(text.trim_end());
    Ok(ExitCode::SUCCESS)
}

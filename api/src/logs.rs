//! Logs: JSON lines with request ids, or text for eyes, on standard error.

use tracing_subscriber::EnvFilter;

use crate::config::{Fault, LogFormat, LogSettings};

/// Starts logging; a second start in one process changes nothing.
///
/// # Errors
/// The filter cannot be read.
pub fn start(settings: &LogSettings) -> Result<(), Fault> {
    let filter = EnvFilter::builder()
        .parse(&settings.level)
        .map_err(|error| Fault { key: "log.level".to_owned(), what: error.to_string() })?;
    // A line that cannot be written is lost. To complain about it on the same stream, as the crate does unless told,
    // panics when that fails too: a log on a full disk would end whatever thread has something to say.
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    // Somebody else in this process may log already, as in tests.
    let _ = match settings.format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Text => lines.with_ansi(false).try_init(),
    };
    Ok(())
}

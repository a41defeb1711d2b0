//! `usher verify-ticket`: what a door does, by hand.

use std::path::Path;
use std::process::ExitCode;

use usher_core::{EventId, Place};
use usher_engine::tickets::{PublicKeys, verify as verify_code};

use super::{Outcome, say};
use crate::config::Fault;

pub(super) fn verify(code: &str, keys: &Path, event: Option<EventId>) -> Outcome {
    let fault = |what: String| vec![Fault { key: keys.display().to_string(), what }];
    let text = std::fs::read_to_string(keys).map_err(|error| fault(error.to_string()))?;
    let keys: PublicKeys = serde_json::from_str(&text).map_err(|error| fault(error.to_string()))?;
    let claims = match verify_code(code.trim(), &keys) {
        Ok(claims) => claims,
        Err(error) => {
            say(&format!("NOT GENUINE: {error}"));
            return Ok(ExitCode::FAILURE);
        }
    };
    if let Some(event) = event.filter(|event| !claims.is_for(*event)) {
        say(&format!("NOT FOR {event}"));
        return Ok(ExitCode::FAILURE);
    }
    let place = match claims.place {
        Place::Seat(seat) => format!("seat {}", seat.0),
        Place::Ga(area) => format!("area {}", area.0),
    };
    say(&format!("genuine: {} version {}, {place}, key {}", claims.ticket, claims.version, claims.key_id));
    Ok(ExitCode::SUCCESS)
}

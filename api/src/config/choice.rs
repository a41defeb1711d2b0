//! Sections that are one choice, told by their `kind`: what belongs into one depends on what is chosen.
//!
//! Their values are gathered from every layer before any is judged, since a file may choose Stripe and leave its secret
//! to the environment. Then each value is tried alone beside the `kind`, so that every fault is told and not only the
//! first, and what is missing is asked for by leaving it out of a section in which nothing else is wrong.

use serde::Deserialize;
use toml::{Table, Value};

use super::Settings;
use super::layers::{Fault, first_line, parsed};

/// Sections of this kind.
pub(super) const CHOICES: [&str; 5] = ["stores", "journal", "payments", "mail", "ticket_store"];

const KIND: &str = "kind";
/// Keys of a section that may be missing at once; more than any has.
const MISSING_MAX: usize = 32;

/// A section with what later layers say of it: another kind starts it anew, the same kind is added to.
pub(super) fn laid_over(section: &Table, values: &Table) -> Table {
    let anew = values.get(KIND).is_some_and(|kind| section.get(KIND) != Some(kind));
    let mut laid = if anew { Table::new() } else { section.clone() };
    laid.extend(values.clone());
    laid
}

/// The section with each value as the kind that fits, or all its faults.
pub(super) fn resolved(name: &str, section: &Table) -> Result<Table, Vec<Fault>> {
    let tried = |values: Table| Settings::deserialize(Table::from_iter([(name.to_owned(), Value::Table(values))]));
    let chosen = Table::from_iter(section.get(KIND).map(|kind| (KIND.to_owned(), kind.clone())));
    let fault = |key: &str, what: &str| Fault { key: format!("{name}.{key}"), what: first_line(what).to_owned() };
    if let Err(error) = tried(chosen.clone())
        && missing(&error).is_none_or(|key| key == KIND)
    {
        return Err(vec![fault(KIND, error.message())]);
    }
    let mut faults = Vec::new();
    let mut whole = chosen.clone();
    for (key, value) in section.iter().filter(|(key, _)| *key != KIND) {
        let typed = value.as_str().map(parsed).filter(|typed| typed != value);
        let mut first_error = None;
        let fitting = std::iter::once(value.clone()).chain(typed).find(|candidate| {
            let mut alone = chosen.clone();
            alone.insert(key.clone(), candidate.clone());
            match tried(alone) {
                Ok(_) => true,
                Err(error) if missing(&error).is_some() => true,
                Err(error) => {
                    first_error.get_or_insert(error);
                    false
                }
            }
        });
        match (fitting, first_error) {
            (Some(fitting), _) => drop(whole.insert(key.clone(), fitting)),
            (None, error) => faults.push(fault(key, error.as_ref().map_or("", toml::de::Error::message))),
        }
    }
    let refused: Vec<String> = section.keys().filter(|key| !whole.contains_key(*key)).cloned().collect();
    for _ in 0..MISSING_MAX {
        let Err(error) = tried(whole.clone()) else { break };
        let Some(key) = missing(&error).map(str::to_owned) else { break };
        if !refused.contains(&key) {
            faults.push(fault(&key, "is missing"));
        }
        let Some(stand_in) = stand_in(&tried, &whole, &key) else { break };
        whole.insert(key, stand_in);
    }
    if faults.is_empty() { Ok(whole) } else { Err(faults) }
}

/// The key that an error misses.
fn missing(error: &toml::de::Error) -> Option<&str> {
    error.message().strip_prefix("missing field `")?.split('`').next()
}

/// Any value with which a missing key is no longer the fault.
fn stand_in<T>(tried: &impl Fn(Table) -> Result<T, toml::de::Error>, section: &Table, key: &str) -> Option<Value> {
    let text = || Value::String("x".to_owned());
    let candidates = [text(), Value::Integer(1), Value::Boolean(true), Value::Array(vec![text()])];
    candidates.into_iter().find(|candidate| {
        let mut with = section.clone();
        with.insert(key.to_owned(), candidate.clone());
        match tried(with) {
            Ok(_) => true,
            Err(error) => missing(&error).is_some(),
        }
    })
}

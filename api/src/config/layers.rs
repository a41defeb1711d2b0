//! Lays settings over each other and collects what is wrong with each.
//!
//! Every value is tried alone over the defaults, so that one bad value does not hide the next. Sections whose other
//! keys depend on `kind` are gathered first: see [`super::choice`].

use std::fmt;

use serde::Deserialize;
use toml::{Table, Value};

use super::Settings;
use super::choice::{CHOICES, laid_over, resolved};
use super::redis::RedisUrl;

/// Environment variables that are settings begin so; `__` parts the levels.
pub const ENV_PREFIX: &str = "USHER__";
/// Keys that must not stand in a settings file.
const SECRETS: [&str; 6] = [
    "payments.secret_key",
    "payments.webhook_secrets",
    "mail.password",
    "journal.password",
    "ticket_store.access_key",
    "ticket_store.secret_key",
];

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where: the key, or the file.
    pub key: String,
    /// What.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.what)
    }
}

/// Settings being laid over each other.
pub struct Layers {
    table: Table,
    /// Sections that are one choice, as far as they are laid: name and values.
    choices: Vec<(&'static str, Table)>,
    faults: Vec<Fault>,
}

impl Default for Layers {
    fn default() -> Self {
        let mut table = Table::try_from(Settings::default()).unwrap_or_default();
        let choices = CHOICES.map(|name| match table.remove(name) {
            Some(Value::Table(values)) => (name, values),
            Some(_) | None => (name, Table::new()),
        });
        Self { table, choices: choices.to_vec(), faults: Vec::new() }
    }
}

impl Layers {
    /// Lays a settings file over what is there; `name` is the file's, for faults.
    pub fn file(&mut self, name: &str, text: &str) {
        let table = match text.parse::<Table>() {
            Ok(table) => table,
            Err(error) => {
                self.fault(name, error.to_string().trim_end());
                return;
            }
        };
        for key in SECRETS.iter().filter(|key| holds_literal(&table, key)) {
            self.fault(key, "a secret must not stand in the settings file; use the environment or { file = \"path\" }");
        }
        let redis = table.get("redis").and_then(|section| section.get("url")).and_then(Value::as_str);
        if redis.is_some_and(|url| RedisUrl::new(url).holds_secret()) {
            self.fault(
                "redis.url",
                "a password must not stand in the settings file; use the environment or { file = \"path\" }",
            );
        }
        for (section, value) in table {
            self.section(&section, value);
        }
    }

    /// Lays environment variables over what is there; those without [`ENV_PREFIX`] are not looked at.
    pub fn environment(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        let mut choices: Vec<(String, Table)> = Vec::new();
        let mut variables: Vec<_> = variables.into_iter().collect();
        variables.sort();
        for (name, text) in variables {
            let Some(path) = name.strip_prefix(ENV_PREFIX) else { continue };
            let path = path.to_lowercase();
            match path.split_once("__") {
                Some((section, key)) if CHOICES.contains(&section) => {
                    let at = choices.iter().position(|(known, _)| known == section).unwrap_or_else(|| {
                        choices.push((section.to_owned(), Table::new()));
                        choices.len() - 1
                    });
                    choices[at].1.insert(key.to_owned(), Value::String(text));
                }
                Some((section, key)) => self.value(section, key, &[Value::String(text.clone()), parsed(&text)]),
                None => self.fault(&name, "names no setting; write USHER__SECTION__KEY"),
            }
        }
        for (choice, values) in choices {
            self.choice(&choice, &values);
        }
    }

    /// Lays one value of the command line over what is there.
    pub fn command_line(&mut self, section: &str, key: &str, text: &str) {
        if CHOICES.contains(&section) {
            self.choice(section, &Table::from_iter([(key.to_owned(), Value::String(text.to_owned()))]));
        } else {
            self.value(section, key, &[Value::String(text.to_owned()), parsed(text)]);
        }
    }

    /// A fault found elsewhere, such as a file that cannot be read.
    pub fn fault(&mut self, key: &str, what: &str) {
        self.faults.push(Fault { key: key.to_owned(), what: what.to_owned() });
    }

    /// What can be read: where a value is wrong, the one below it stands.
    #[must_use]
    pub fn readable(&self) -> Option<Settings> {
        let mut table = self.table.clone();
        for (name, section) in &self.choices {
            if let Ok(section) = resolved(name, section) {
                table.insert((*name).to_owned(), Value::Table(section));
            }
        }
        Settings::deserialize(table).ok()
    }

    /// The settings.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn settings(mut self) -> Result<Settings, Vec<Fault>> {
        for (name, section) in &self.choices {
            match resolved(name, section) {
                Ok(section) => drop(self.table.insert((*name).to_owned(), Value::Table(section))),
                Err(faults) => self.faults.extend(faults),
            }
        }
        match Settings::deserialize(self.table) {
            Ok(settings) => {
                // What a wrong section says stands nowhere, so nothing can be held against what it ought to have said.
                let is_told = |section: &str| self.faults.iter().any(|fault| fault.key.starts_with(section));
                let blames_journal = is_told("journal.");
                let more = settings.faults().into_iter();
                self.faults.extend(more.filter(|fault| fault.key != "stores.kind" || !blames_journal));
                if self.faults.is_empty() { Ok(settings) } else { Err(self.faults) }
            }
            Err(error) => {
                self.faults.push(Fault { key: "settings".to_owned(), what: error.to_string() });
                Err(self.faults)
            }
        }
    }

    fn section(&mut self, section: &str, value: Value) {
        match value {
            Value::Table(values) if CHOICES.contains(&section) => self.choice(section, &values),
            Value::Table(values) => {
                for (key, value) in values {
                    self.value(section, &key, &[value]);
                }
            }
            Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_) => self.fault(section, "is not a section"),
        }
    }

    /// Takes the first candidate that fits.
    fn value(&mut self, section: &str, key: &str, candidates: &[Value]) {
        let mut first_error = None;
        for candidate in candidates {
            let mut table = self.table.clone();
            let place = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Some(values) = place.as_table_mut() {
                values.insert(key.to_owned(), candidate.clone());
            }
            match Settings::deserialize(table.clone()) {
                Ok(_) => {
                    self.table = table;
                    return;
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        if let Some(error) = first_error {
            self.fault(&format!("{section}.{key}"), first_line(error.message()));
        }
    }

    /// A section with a `kind`.
    fn choice(&mut self, section: &str, values: &Table) {
        for (_, laid) in self.choices.iter_mut().filter(|(name, _)| *name == section) {
            *laid = laid_over(laid, values);
        }
    }
}

/// A text as the TOML value it may be; a comma-less word stays a text.
pub(super) fn parsed(text: &str) -> Value {
    let line = format!("value = {text}");
    line.parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn holds_literal(table: &Table, path: &str) -> bool {
    let Some((section, key)) = path.split_once('.') else { return false };
    match table.get(section).and_then(|section| section.get(key)) {
        Some(Value::String(_)) => true,
        Some(Value::Array(items)) => items.iter().any(Value::is_str),
        Some(Value::Table(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_)) | None => {
            false
        }
    }
}

pub(super) fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::units::{Secret, Span};
    use crate::config::{MailSettings, PaymentsSettings, TicketStoreSettings};

    fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let documented = include_str!("../../../config/default.toml").parse::<Table>().unwrap();
        assert_eq!(documented, Table::try_from(Settings::default()).unwrap());
    }

    #[test]
    fn the_example_for_production_needs_its_secret_files_and_nothing_else() {
        let mut layers = Layers::default();
        layers.file("production.example.toml", include_str!("../../../config/production.example.toml"));
        let faults = layers.settings().unwrap_err();
        assert!(faults.iter().all(|fault| fault.what.contains("secret's file")), "{faults:?}");
        let keys: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
        assert_eq!(keys, ["payments.secret_key", "payments.webhook_secrets", "mail.password"]);
    }

    #[test]
    fn the_environment_goes_before_the_file_and_the_command_line_before_both() {
        let mut layers = Layers::default();
        layers.file("f", "[server]\nworkers_count = 3\ndeadline = '5s'\nin_flight_max = 7");
        layers.environment(env(&[
            ("USHER__SERVER__WORKERS_COUNT", "4"),
            ("USHER__SERVER__DEADLINE", "6s"),
            ("USHER__SERVER__TRUSTED_PROXIES", "[\"10.0.0.1\"]"),
            ("PATH", "/bin"),
        ]));
        layers.command_line("server", "deadline", "7s");
        layers.command_line("server", "listen", "127.0.0.1:0");
        let server = layers.settings().unwrap().server;
        assert_eq!((server.workers_count, server.deadline, server.in_flight_max), (4, Span::seconds(7), 7));
        assert_eq!(server.trusted_proxies, ["10.0.0.1".parse::<std::net::IpAddr>().unwrap()]);
        assert_eq!(server.listen.port(), 0);
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let mut layers = Layers::default();
        layers.file(
            "f",
            "[server]\nworkers_count = 0\ndeadline = 'soon'\nlisten = 'here'\nworkers = 1\n[nonsense]\na = 1\n\
             [mail]\nkind = 'pigeon'\n[payments]\nkind = 'stripe'\nsecret_key = 'sk_live_x'\n",
        );
        layers.environment(env(&[("USHER__LIVE__STREAMS_MAX", "many"), ("USHER__OOPS", "1")]));
        let faults = layers.settings().unwrap_err();
        let mut keys: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
        keys.sort_unstable();
        keys.dedup();
        let expected = [
            "USHER__OOPS",
            "live.streams_max",
            "mail.kind",
            "nonsense.a",
            "payments.publishable_key",
            "payments.secret_key",
            "payments.webhook_secrets",
            "server.deadline",
            "server.listen",
            "server.workers",
            "server.workers_count",
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn a_file_may_choose_and_leave_the_secrets_to_the_environment() {
        let mut layers = Layers::default();
        let file = "[ticket_store]\nkind = 's3'\nbucket = 'tickets'\nattempts_max = 5\nlink_for = '1m'\n";
        layers.file("f", file);
        layers.environment(env(&[
            ("USHER__TICKET_STORE__ACCESS_KEY", "hush-1"),
            ("USHER__TICKET_STORE__SECRET_KEY", "hush-2"),
            ("USHER__TICKET_STORE__ATTEMPTS_MAX", "2"),
        ]));
        let settings = layers.settings().unwrap();
        let TicketStoreSettings::S3(bucket) = &settings.ticket_store else { panic!("not s3") };
        assert_eq!(
            (bucket.attempts_max, bucket.link_for, bucket.secret_key.reveal()),
            (2, Span::seconds(60), "hush-2")
        );
        assert!(!toml::to_string(&settings).unwrap().contains("hush"));
    }

    #[test]
    fn every_fault_of_a_bucket_is_told_at_once() {
        let told = |file: &str| -> Vec<String> {
            let mut layers = Layers::default();
            layers.file("f", &format!("[ticket_store]\nkind = 's3'\n{file}"));
            layers.settings().unwrap_err().iter().map(ToString::to_string).collect()
        };
        let missing = ["access_key", "bucket", "secret_key"].map(|key| format!("ticket_store.{key}: is missing"));
        let mut nothing = told("");
        nothing.sort();
        assert_eq!(nothing, missing);
        let wrong =
            told("bucket = 7\naddressing = 'sideways'\nlink_for = 'a while'\nattempts_max = -1\ncolour = 'red'\n");
        for key in ["bucket", "addressing", "link_for", "attempts_max", "colour", "access_key", "secret_key"] {
            let of_key = wrong.iter().filter(|fault| fault.starts_with(&format!("ticket_store.{key}: ")));
            assert_eq!(of_key.count(), 1, "{key}: {wrong:?}");
        }
        let literal = told("bucket = 'tickets'\naccess_key = 'hush'\nsecret_key = { file = '/no/such/file' }\n");
        assert_eq!(literal.len(), 2, "{literal:?}");
        assert!(literal.iter().all(|fault| !fault.contains("hush")), "{literal:?}");
        let mut layers = Layers::default();
        layers.file("f", "[ticket_store]\nkind = 'files'\nbucket = 'tickets'\n");
        assert_eq!(layers.settings().unwrap_err()[0].key, "ticket_store.bucket");
    }

    #[test]
    fn what_a_bucket_cannot_be_is_told_at_once() {
        let mut layers = Layers::default();
        layers.file(
            "f",
            "[ticket_store]\nkind = 's3'\nbucket = 'My.Bucket'\nendpoint = 'https://s3.example.org/path'\n\
             public_endpoint = 'ftp://x'\nprefix = '/x'\nlink_for = '6m'\nconnect_within = '2s'\nattempt_within = '1s'\n\
             call_within = '2m'\nattempts_max = 0\nregion = ''\n",
        );
        let secrets = [("USHER__TICKET_STORE__ACCESS_KEY", "hush"), ("USHER__TICKET_STORE__SECRET_KEY", "hush")];
        layers.environment(env(&secrets));
        let faults = layers.settings().unwrap_err();
        let mut keys: Vec<_> = faults.iter().map(|fault| fault.key.strip_prefix("ticket_store.").unwrap()).collect();
        keys.sort_unstable();
        keys.dedup();
        let expected = [
            "attempt_within",
            "attempts_max",
            "bucket",
            "call_within",
            "endpoint",
            "link_for",
            "prefix",
            "public_endpoint",
            "region",
        ];
        assert_eq!(keys, expected, "{faults:?}");
    }

    #[test]
    fn a_house_of_https_sends_nobody_to_a_bucket_of_http() {
        let told = |more: &str| {
            let mut layers = Layers::default();
            let choice =
                "[server]\npublic_url = 'https://x.example'\n[ticket_store]\nkind = 's3'\nbucket = 'tickets'\n";
            layers.file("f", &format!("{choice}endpoint = 'http://s3:9000'\n{more}"));
            layers.environment(env(&[
                ("USHER__TICKET_STORE__ACCESS_KEY", "a"),
                ("USHER__TICKET_STORE__SECRET_KEY", "b"),
            ]));
            layers.settings().map(drop)
        };
        assert_eq!(told("").unwrap_err()[0].key, "ticket_store.public_endpoint");
        assert_eq!(told("downloads = 'through'\n"), Ok(()));
        assert_eq!(told("public_endpoint = 'https://files.example'\n"), Ok(()));
    }

    #[test]
    fn a_choice_is_made_by_the_environment_and_its_secrets_never_print() {
        let mut layers = Layers::default();
        layers.environment(env(&[
            ("USHER__PAYMENTS__KIND", "stripe"),
            ("USHER__PAYMENTS__SECRET_KEY", "sk_test_hush"),
            ("USHER__PAYMENTS__PUBLISHABLE_KEY", "pk_test_1"),
            ("USHER__PAYMENTS__WEBHOOK_SECRETS", "[\"whsec_hush\"]"),
            ("USHER__MAIL__KIND", "smtp"),
            ("USHER__MAIL__HOST", "localhost"),
            ("USHER__MAIL__PORT", "2525"),
            ("USHER__MAIL__FROM", "a@b.example"),
        ]));
        let settings = layers.settings().unwrap();
        let PaymentsSettings::Stripe { secret_key, .. } = &settings.payments else { panic!("not stripe") };
        assert_eq!(secret_key, &Secret::new("sk_test_hush".to_owned()));
        assert!(matches!(settings.mail, MailSettings::Smtp { port: 2525, .. }));
        assert!(!toml::to_string(&settings).unwrap().contains("hush"));
        assert!(!format!("{settings:?}").contains("hush"));
    }
}

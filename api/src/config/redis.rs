//! What nodes share that can be lost: a Redis.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use usher_engine::adapters::redis::{RedisAddress, RedisConfig};

use super::layers::Fault;
use super::units::{MASK, SecretSource, Span};

/// The longest that anybody waits for Redis, all in all.
const CALL_MAX: Span = Span(std::time::Duration::from_millis(500));
const PREFIX_BYTES_MAX: usize = 64;

/// Redis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RedisSettings {
    /// Where it is; empty for none.
    pub url: RedisUrl,
    /// In front of every key and channel.
    pub prefix: String,
    /// Connections that calls share.
    pub connections_max: usize,
    /// How long a call may wait for one of them.
    pub wait_within: Span,
    /// How long a connection may take to come about.
    pub connect_within: Span,
    /// How long an answer may take.
    pub command_within: Span,
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            url: RedisUrl::default(),
            prefix: "usher".to_owned(),
            connections_max: 8,
            wait_within: Span(std::time::Duration::from_millis(100)),
            connect_within: Span(std::time::Duration::from_millis(200)),
            command_within: Span(std::time::Duration::from_millis(200)),
        }
    }
}

impl RedisSettings {
    /// What cannot be, although every value is of the right kind.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut check = |holds: bool, key: &str, what: &str| {
            if !holds {
                faults.push(Fault { key: format!("redis.{key}"), what: what.to_owned() });
            }
        };
        if let Err(what) = self.url.address() {
            check(false, "url", what);
        }
        let prefix_holds = (1..=PREFIX_BYTES_MAX).contains(&self.prefix.len());
        check(prefix_holds, "prefix", "must be short and not empty");
        check(self.connections_max > 0, "connections_max", "must be at least 1");
        let parts = [
            ("wait_within", self.wait_within),
            ("connect_within", self.connect_within),
            ("command_within", self.command_within),
        ];
        for (key, span) in parts {
            check(span.ms() >= 10, key, "must be at least 10ms");
        }
        let whole_ms = parts.iter().fold(0_u64, |sum, (_, span)| sum.saturating_add(span.ms()));
        check(
            whole_ms <= CALL_MAX.ms(),
            "command_within",
            "must be at most 500ms together with wait_within and connect_within: people wait for it",
        );
        faults
    }

    /// How to reach it; `None` when there is none to be reached.
    ///
    /// # Errors
    /// The address cannot be.
    pub(crate) fn config(&self) -> Result<Option<RedisConfig>, &'static str> {
        let Some(address) = self.url.address()? else { return Ok(None) };
        Ok(Some(RedisConfig {
            address,
            prefix: self.prefix.clone(),
            connections_max: self.connections_max,
            wait_within: self.wait_within.0,
            connect_within: self.connect_within.0,
            command_within: self.command_within.0,
        }))
    }
}

/// `redis://[user[:password]@]host[:port][/database]`, `rediss://` by TLS, or nothing. It is shown without its password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RedisUrl(String);

impl RedisUrl {
    /// Of this text.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self(url.to_owned())
    }

    /// Whether it holds a secret.
    pub(super) fn holds_secret(&self) -> bool {
        self.shown() != self.0
    }

    fn address(&self) -> Result<Option<RedisAddress>, &'static str> {
        if self.0.is_empty() { Ok(None) } else { RedisAddress::parse(&self.0).map(Some) }
    }

    fn shown(&self) -> String {
        let Some((login, place)) = self.0.rsplit_once('@') else { return self.0.clone() };
        let scheme = ["redis://", "rediss://"].into_iter().find(|scheme| login.starts_with(scheme));
        // What is no address may hold the secret anywhere.
        let Some(scheme) = scheme else { return MASK.to_owned() };
        match login[scheme.len()..].split_once(':') {
            Some((user, _)) => format!("{scheme}{user}:{MASK}@{place}"),
            None => self.0.clone(),
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Serialize for RedisUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown())
    }
}

impl<'de> Deserialize<'de> for RedisUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SecretSource::read("an address of Redis, or { file = \"path\" }", deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layers;

    fn told(file: &str, url: Option<&str>) -> Result<RedisSettings, Vec<Fault>> {
        let mut layers = Layers::default();
        layers.file("f", file);
        layers.environment(url.map(|url| ("USHER__REDIS__URL".to_owned(), url.to_owned())));
        layers.settings().map(|settings| settings.redis)
    }

    #[test]
    fn the_secret_in_an_address_never_prints() {
        for (url, shown) in [
            ("", ""),
            ("redis://cache:6379/2", "redis://cache:6379/2"),
            ("redis://usher@cache", "redis://usher@cache"),
            ("redis://:hush@cache", "redis://:(secret)@cache"),
            ("rediss://:hush@cache", "rediss://:(secret)@cache"),
            ("redis://usher:hush@hush@cache", "redis://usher:(secret)@cache"),
            ("http://hush@cache", "(secret)"),
        ] {
            let url = RedisUrl::new(url);
            assert_eq!(format!("{url:?}"), shown);
            assert_eq!(serde_json::to_string(&url).unwrap(), format!("{shown:?}"));
        }
    }

    #[test]
    fn an_address_may_stand_in_the_file_and_its_password_may_not() {
        assert_eq!(told("[redis]\nurl = 'redis://cache'", None).unwrap().url, RedisUrl::new("redis://cache"));
        let faults = told("[redis]\nurl = 'redis://:hush@cache'", None).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].key == "redis.url" && faults[0].what.contains("environment"), "{faults:?}");
        let settings = told("[redis]\nprefix = 'shows'", Some("redis://:hush@cache")).unwrap();
        assert!(settings.config().unwrap().is_some());
        assert!(!format!("{settings:?} {}", toml::to_string(&settings).unwrap()).contains("hush"));
        assert!(told("", None).unwrap().config().unwrap().is_none(), "there is none unless somebody says so");
    }

    #[test]
    fn every_fault_of_redis_is_told_at_once_and_none_tells_a_secret() {
        let file = "[redis]\nprefix = ''\nconnections_max = 0\nwait_within = '1ms'\nconnect_within = 'soon'\n\
                    command_within = '1s'\ncolour = 'red'\n";
        for url in
            ["redis+unix://:hush@cache", "rediss://:hush@cache/#insecure", "cache:hush@", "redis://:hush@cache/x"]
        {
            let faults = told(file, Some(url)).unwrap_err();
            let mut keys: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
            keys.sort_unstable();
            let expected =
                ["colour", "command_within", "connect_within", "connections_max", "prefix", "url", "wait_within"];
            assert_eq!(keys, expected.map(|key| format!("redis.{key}")), "{faults:?}");
            assert!(!format!("{faults:?}").contains("hush"), "{faults:?}");
        }
    }
}

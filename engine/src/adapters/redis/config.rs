//! Where Redis is and how long anybody waits for it.

use std::fmt;
use std::time::Duration;

use deadpool_redis::redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

/// A server's address, with what it takes to log in.
#[derive(Clone)]
pub struct RedisAddress(pub(super) ConnectionInfo);

impl RedisAddress {
    /// Of `redis://[user[:password]@]host[:port][/database]`, or of `rediss://…` by TLS.
    ///
    /// # Errors
    /// What is wrong, without a word of the address: it may hold a password.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        if !["redis://", "rediss://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err("must begin with redis:// or rediss://");
        }
        let info =
            url.into_connection_info().map_err(|_| "must be redis://[user[:password]@]host[:port][/database]")?;
        let (ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, insecure: false, .. }) = info.addr() else {
            return Err("must be redis:// or rediss:// and believe no certificate unchecked");
        };
        if host.is_empty() { Err("must name a host") } else { Ok(Self(info)) }
    }
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.addr())
    }
}

/// How to reach Redis.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// The server.
    pub address: RedisAddress,
    /// In front of every key and channel, so that several houses can share a server.
    pub prefix: String,
    /// Connections that calls share; one more call waits.
    pub connections_max: usize,
    /// How long a call may wait for one of them.
    pub wait_within: Duration,
    /// How long a connection may take to come about.
    pub connect_within: Duration,
    /// How long an answer may take.
    pub command_within: Duration,
}

impl RedisConfig {
    /// With the defaults of everything but the address.
    #[must_use]
    pub fn new(address: RedisAddress) -> Self {
        Self {
            address,
            prefix: "usher".to_owned(),
            connections_max: 8,
            wait_within: Duration::from_millis(100),
            connect_within: Duration::from_millis(200),
            command_within: Duration::from_millis(200),
        }
    }

    /// How long a whole call may take, whatever it waits for.
    #[must_use]
    pub fn call_within(&self) -> Duration {
        self.wait_within + self.connect_within + self.command_within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_without_its_password() {
        let address = RedisAddress::parse("redis://usher:open%20sesame@cache.example.org:6380/2").unwrap();
        assert_eq!(format!("{address:?}"), "cache.example.org:6380");
        assert_eq!(address.0.redis_settings().password(), Some("open sesame"));
        assert_eq!(address.0.redis_settings().db(), 2);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in [
            "",
            "127.0.0.1:6379",
            "http://127.0.0.1",
            "rediss://127.0.0.1/#insecure",
            "unix:///run/redis",
            "redis://",
            "redis://h/x",
        ] {
            assert!(RedisAddress::parse(url).is_err(), "{url}");
        }
    }
}

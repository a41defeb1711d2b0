//! A real Redis server of the test's own: killed, hung, emptied, started again with nothing.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;
use tokio::runtime::Handle;
use usher_engine::adapters::redis::{Redis, RedisAddress, RedisConfig};

use super::servers::{Server, find_installed, free_address};

/// The password of servers that want one.
pub(crate) const PASSWORD: &str = "open sesame";

/// The server; it keeps nothing on disk.
#[derive(Debug)]
pub(crate) struct RedisServer {
    address: SocketAddr,
    folder: TempDir,
    arguments: Vec<String>,
    /// What it proves itself with, when it speaks TLS; nobody vouches for it.
    pub(crate) certificate: Option<PathBuf>,
    server: Option<Server>,
}

impl RedisServer {
    /// A running server; `None` after saying that there is none.
    pub(crate) fn own() -> Option<Self> {
        Self::own_with(&[])
    }

    /// One that wants [`PASSWORD`].
    pub(crate) fn own_with_password() -> Option<Self> {
        Self::own_with(&["--requirepass", PASSWORD])
    }

    fn own_with(arguments: &[&str]) -> Option<Self> {
        find_installed("redis-server")?;
        let arguments = arguments.iter().map(|&word| word.to_owned()).collect();
        let (address, folder) = (free_address(), tempfile::tempdir().unwrap());
        let mut server = Self { address, folder, arguments, certificate: None, server: None };
        server.start();
        Some(server)
    }

    /// One that speaks TLS, with a certificate of its own for `localhost`.
    pub(crate) fn own_by_tls() -> Option<Self> {
        let mut server = Self::own()?;
        server.kill();
        let (certificate, key) = (server.folder.path().join("certificate.pem"), server.folder.path().join("key.pem"));
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
        command.args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
        command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        let made = command.arg("-keyout").arg(&key).arg("-out").arg(&certificate).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.certificate = Some(certificate);
        server.start();
        Some(server)
    }

    /// Starts it, empty.
    pub(crate) fn start(&mut self) {
        let mut command = Command::new(find_installed("redis-server").unwrap());
        let port = self.address.port().to_string();
        match &self.certificate {
            None => drop(command.args(["--port", &port])),
            Some(certificate) => {
                command.args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no", "--tls-cert-file"]);
                command.arg(certificate).arg("--tls-key-file").arg(certificate.with_file_name("key.pem"));
                command.arg("--tls-ca-cert-file").arg(certificate);
            }
        }
        command.args(["--bind", "127.0.0.1", "--save", ""]);
        command.args(["--appendonly", "no", "--dir"]).arg(self.folder.path()).args(&self.arguments);
        self.server = Some(Server::start(&mut command, self.address));
    }

    /// Its process, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Server::pid)
    }

    /// SIGKILL; what it had is gone.
    pub(crate) fn kill(&mut self) {
        self.server.take().expect("it runs").kill();
    }

    /// It takes connections and answers nobody, until [`RedisServer::go_on`].
    pub(crate) fn hang(&self) {
        self.server.as_ref().expect("it runs").signal("STOP");
    }

    pub(crate) fn go_on(&self) {
        self.server.as_ref().expect("it runs").signal("CONT");
    }

    /// Its address, as a setting.
    pub(crate) fn url(&self) -> String {
        match &self.certificate {
            None => format!("redis://{}", self.address),
            Some(_) => format!("rediss://localhost:{}", self.address.port()),
        }
    }

    /// Its address with the password.
    pub(crate) fn url_with(&self, password: &str) -> String {
        format!("redis://:{}@{}", password.replace(' ', "%20"), self.address)
    }

    /// How to reach it, with a prefix that nobody else has.
    pub(crate) fn config(&self) -> RedisConfig {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let prefix = format!("house-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        RedisConfig { prefix, ..RedisConfig::new(RedisAddress::parse(&self.url()).unwrap()) }
    }

    /// Connections to it, on the runtime of the test.
    pub(crate) fn redis(&self, config: &RedisConfig) -> Redis {
        Redis::new(config.clone(), Handle::current()).unwrap()
    }

    /// Sends a command as a person would, by the server's own client; gives what that prints.
    pub(crate) fn say(&self, words: &[&str]) -> String {
        let mut command = Command::new(find_installed("redis-cli").expect("redis-cli comes with redis-server"));
        let said = command.args(["-p", &self.address.port().to_string()]).args(words).output().unwrap();
        assert!(said.status.success(), "{words:?}: {}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8(said.stdout).unwrap().trim().to_owned()
    }
}

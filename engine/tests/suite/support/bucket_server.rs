//! A real server that speaks S3: versitygw on a folder, or whichever `USHER_TEST_S3` names
//! (`http://access-key:secret-key@host:port`).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Config, Credentials, Region};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use tempfile::TempDir;
use usher_engine::adapters::s3::{Addressing, Downloads, S3Config, S3Credentials};

use super::servers::{Server, find, free_address};

const REGION: &str = "us-east-1";
const ACCESS_KEY: &str = "usher-tests";
const SECRET_KEY: &str = "a secret of the tests";

/// Where it is, and itself when it is a child of the test.
#[derive(Debug)]
pub(crate) struct BucketServer {
    pub(crate) address: SocketAddr,
    /// Scheme, host and port.
    pub(crate) endpoint: String,
    /// What it proves itself with, when it speaks TLS; nobody vouches for it.
    pub(crate) certificate: Option<PathBuf>,
    keys: (String, String),
    folder: TempDir,
    server: Option<Server>,
}

impl BucketServer {
    /// Any server will do; `None` after saying that there is none.
    pub(crate) fn any() -> Option<Self> {
        match std::env::var("USHER_TEST_S3") {
            Ok(named) => Some(Self::named(&named)),
            Err(_) => Self::own(),
        }
    }

    /// One that the test may stop.
    pub(crate) fn own() -> Option<Self> {
        find("versitygw")?;
        let address = free_address();
        let mut server = Self {
            address,
            endpoint: format!("http://{address}"),
            certificate: None,
            keys: (ACCESS_KEY.to_owned(), SECRET_KEY.to_owned()),
            folder: tempfile::tempdir().unwrap(),
            server: None,
        };
        server.start();
        Some(server)
    }

    /// One that speaks TLS, with a certificate of its own for `localhost`.
    pub(crate) fn own_by_tls() -> Option<Self> {
        let mut server = Self::own()?;
        server.stop();
        let (certificate, key) = (server.folder.path().join("certificate.pem"), server.folder.path().join("key.pem"));
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
        command.args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
        command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        let made = command.arg("-keyout").arg(&key).arg("-out").arg(&certificate).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.endpoint = format!("https://localhost:{}", server.address.port());
        server.certificate = Some(certificate);
        server.start();
        Some(server)
    }

    fn named(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").expect("USHER_TEST_S3 is a URL");
        let (keys, host) = rest.split_once('@').expect("USHER_TEST_S3 names keys");
        let (access, secret) = keys.split_once(':').expect("USHER_TEST_S3 names two keys");
        let address = std::net::ToSocketAddrs::to_socket_addrs(host).unwrap().next().unwrap();
        let (endpoint, keys) = (format!("{scheme}://{host}"), (access.to_owned(), secret.to_owned()));
        Self { address, endpoint, certificate: None, keys, folder: tempfile::tempdir().unwrap(), server: None }
    }

    /// Starts it, or starts it again on what it had.
    pub(crate) fn start(&mut self) {
        let (data, metadata) = (self.folder.path().join("data"), self.folder.path().join("metadata"));
        for folder in [&data, &metadata] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let mut command = Command::new(find("versitygw").unwrap());
        command.env_clear().env("ROOT_ACCESS_KEY", &self.keys.0).env("ROOT_SECRET_KEY", &self.keys.1);
        command.args(["--port", &self.address.to_string(), "-q", "--health", "/healthz"]);
        command.args(["--virtual-domain", &format!("localhost:{}", self.address.port())]);
        if let Some(certificate) = &self.certificate {
            command.arg("--cert").arg(certificate).arg("--key").arg(certificate.with_file_name("key.pem"));
        }
        command.arg("posix").arg("--sidecar").arg(metadata).arg(data);
        self.server = Some(Server::start(&mut command, self.address));
    }

    /// Its process, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Server::pid)
    }

    /// Kills it, whatever it is at; what it has stays.
    pub(crate) fn stop(&mut self) {
        self.server.take().expect("only a server of the test's own is stopped").kill();
    }

    /// The host under which a bucket's name can stand before the host's own.
    pub(crate) fn named_endpoint(&self) -> String {
        format!("http://localhost:{}", self.address.port())
    }

    /// Makes a bucket and tells how to reach it, through `endpoint` when it is not the server's own.
    pub(crate) async fn bucket(&self) -> S3Config {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let bucket = format!("tickets-{}-{number}-{:08x}", std::process::id(), usher_engine::ids::fresh() as u32);
        let mut trust = TrustStore::empty();
        if let Some(certificate) = &self.certificate {
            trust = trust.with_pem_certificate(std::fs::read(certificate).unwrap());
        }
        let tls = TlsContext::builder().with_trust_store(trust).build().unwrap();
        let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(tls).build_https();
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new(&self.keys.0, &self.keys.1, None, None, "tests"))
            .endpoint_url(&self.endpoint)
            .force_path_style(true)
            .http_client(http)
            .build();
        Client::from_conf(config).create_bucket().bucket(&bucket).send().await.unwrap();
        S3Config {
            endpoint: Some(self.endpoint.clone()),
            region: REGION.to_owned(),
            bucket,
            prefix: "a house/".to_owned(),
            addressing: Addressing::Path,
            credentials: S3Credentials { access_key: self.keys.0.clone(), secret_key: self.keys.1.clone() },
            downloads: Downloads::Link { endpoint: None, valid_for: Duration::from_secs(300) },
            connect_within: Duration::from_secs(2),
            attempt_within: Duration::from_secs(10),
            call_within: Duration::from_secs(20),
            attempts_max: 3,
        }
    }
}

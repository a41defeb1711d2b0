//! The server as a child process on a port of its own: started, killed, started again on the same data.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take until it answers; generous, for a machine that is busy with other tests.
pub(crate) const READY_WITHIN: Duration = Duration::from_secs(60);

/// How a server is started.
#[derive(Debug, Clone)]
pub(crate) struct ServerSpec {
    pub(crate) data: PathBuf,
    pub(crate) port: u16,
    /// Where it logs to.
    pub(crate) log: PathBuf,
    pub(crate) env: Vec<(String, String)>,
    /// A program that starts it in its own way, such as `prlimit`, with its arguments.
    pub(crate) wrapper: Vec<String>,
}

impl ServerSpec {
    /// On the data in that folder, on a port that is free now and stays the same over restarts.
    pub(crate) fn new(data: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let env = [
            ("USHER__LOG__LEVEL", "warn"),
            ("USHER__LOG__FORMAT", "text"),
            ("USHER__EVENTS__SCHEDULE_EVERY", "100ms"),
            ("USHER__ACCOUNTS__LOGIN_BURST_MAX", "1000"),
        ];
        let env = env.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        Self { data: data.to_owned(), port, log: data.with_extension("log"), env, wrapper: Vec::new() }
    }

    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.env.push((key.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts it without waiting for it. What it logs is added to its log.
    pub(crate) fn start(&self) -> Server {
        let log = File::options().create(true).append(true).open(&self.log).unwrap();
        let mut command = self.command(&["serve", "--listen", &format!("127.0.0.1:{}", self.port)]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Server { child: command.spawn().unwrap(), url: self.url(), started: Instant::now() }
    }

    /// Another command of the program with the same settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut words = self.wrapper.clone();
        words.push(env!("CARGO_BIN_EXE_usher").to_owned());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(arguments);
        command.env_clear().env("PATH", std::env::var("PATH").unwrap_or_default());
        command.env("USHER__STORES__FOLDER", &self.data).envs(self.env.iter().cloned());
        command
    }

    /// Starts it and waits until it is ready; tells how long that took.
    pub(crate) async fn start_ready(&self) -> (Server, Duration) {
        let mut server = self.start();
        match server.ready().await {
            Ok(took) => (server, took),
            Err(status) => panic!("the server ended before it was ready: {status}; {}", self.log_end()),
        }
    }

    /// The last lines of its log.
    pub(crate) fn log_end(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    started: Instant,
}

impl Server {
    /// Waits until it answers that it is ready, or has ended.
    pub(crate) async fn ready(&mut self) -> Result<Duration, ExitStatus> {
        let http = reqwest::Client::new();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Err(status);
            }
            let asked = http.get(format!("{}/readyz", self.url)).timeout(Duration::from_secs(2)).send().await;
            if asked.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(self.started.elapsed());
            }
            assert!(self.started.elapsed() < READY_WITHIN, "the server does not become ready");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory, in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1_024
    }

    /// Whether it has ended, and how.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) -> ExitStatus {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.child.wait().unwrap()
    }

    /// Any other signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// SIGTERM, and waits for its end.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

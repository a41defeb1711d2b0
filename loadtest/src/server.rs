//! A server of one's own: the `usher` binary with everything embedded in one folder, on a free port.
//!
//! It ends when its [`Server`] is dropped, however that comes about: first by SIGTERM, and if it does not end in time,
//! by SIGKILL.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

use crate::client::{Api, Proof, Request};

/// How long a server may take to say where it is, and to be ready: the first start seeds the demo's events.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long a server may take to finish what is under way.
const ENDS_WITHIN: Duration = Duration::from_secs(30);
/// Between looks at whether something has happened.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// How much of its log is shown when it fails, in bytes.
const LOG_EXCERPT_BYTES: usize = 2_000;
/// Names the server's binary when it is not beside this one.
pub const BINARY_VARIABLE: &str = "USHER_BIN";

/// A login of the demo.
#[derive(Debug, Clone, Deserialize)]
pub struct DemoLogin {
    /// E-mail.
    pub email: String,
    /// Password.
    pub password: String,
}

/// What the demo says about itself.
#[derive(Debug, Clone, Deserialize)]
pub struct Demo {
    /// Where it is.
    pub url: String,
    /// The organizer of its events.
    pub organizer: DemoLogin,
    /// The administrator.
    pub admin: DemoLogin,
    /// The organizer's key.
    pub api_key: String,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    ended: bool,
    log: PathBuf,
    /// What it said about itself.
    pub demo: Demo,
}

/// Finds the server's binary: as told, or beside this program, or where `USHER_BIN` says.
///
/// # Errors
/// There is none; the message says how to get one.
pub fn find_binary(told: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(told) = told {
        anyhow::ensure!(told.is_file(), "there is no server binary at {}", told.display());
        return Ok(told.to_owned());
    }
    let name = format!("usher{}", std::env::consts::EXE_SUFFIX);
    let here = std::env::current_exe().ok();
    // A test's executable is one folder deeper than the programs.
    let beside = here.iter().flat_map(|here| here.ancestors().skip(1).take(2)).map(|folder| folder.join(&name));
    let by_variable = std::env::var_os(BINARY_VARIABLE).map(PathBuf::from);
    by_variable.into_iter().chain(beside).find(|path| path.is_file()).with_context(|| {
        format!(
            "the server's binary `{name}` is not beside this program; build it with `cargo build --release` (or \
             `cargo build -p usher` for a debug run), or name it with --server-bin or {BINARY_VARIABLE}"
        )
    })
}

impl Server {
    /// Starts the demo in a folder and waits until it is ready. `settings` go by the environment, as in
    /// `("USHER__JOBS__LEASE", "5s")`.
    ///
    /// # Errors
    /// It does not start, or is not ready in time; the end of its log is in the message.
    pub async fn start(
        binary: &Path,
        folder: &Path,
        listen: SocketAddr,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let log = folder.join("server.log");
        let stderr = std::fs::OpenOptions::new().create(true).append(true).open(&log).context("the server's log")?;
        let mut command = Command::new(binary);
        command
            .arg("demo")
            .args(["--listen", &listen.to_string()])
            .arg("--data")
            .arg(folder.join("data"))
            .arg("--json");
        command.envs(settings.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().with_context(|| format!("cannot run {}", binary.display()))?;
        let demo = match hear(&mut child) {
            Ok(demo) => demo,
            Err(error) => {
                // Not running or not answering: nothing is to be finished.
                let _ = child.kill();
                let _ = child.wait();
                return Err(error.context(format!("the server did not start{}", excerpt(&log))));
            }
        };
        let server = Self { child, ended: false, log, demo };
        server.wait_until_ready().await.with_context(|| format!("the server is not ready{}", excerpt(&server.log)))?;
        Ok(server)
    }

    async fn wait_until_ready(&self) -> anyhow::Result<()> {
        let api = Api::new(vec![self.demo.url.clone()])?;
        let began = Instant::now();
        let mut last = "no answer".to_owned();
        while began.elapsed() < READY_WITHIN {
            match api.send(&self.demo.url, &Proof::None, &Request::get("/readyz")).await {
                Ok(answer) if answer.is_success() => return Ok(()),
                Ok(answer) => last = answer.status.to_string(),
                Err(broke) => last = broke,
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        bail!("{last}")
    }

    /// The process's id.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as an operator would, and waits for it.
    ///
    /// # Errors
    /// It ended otherwise than by itself with success.
    pub fn stop(mut self) -> anyhow::Result<()> {
        match self.end()? {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("the server ended with {status}{}", excerpt(&self.log)),
            None => bail!("the server did not end within {} s and was killed", ENDS_WITHIN.as_secs()),
        }
    }

    /// Ends it at once, with whatever was under way.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.ended = true;
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// By SIGTERM if it takes it, else by SIGKILL; tells how it ended by itself.
    fn end(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        if std::mem::replace(&mut self.ended, true) {
            return Ok(None);
        }
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("the server's process id")?;
        // If it is gone already, waiting tells.
        let _ = kill_process(id, Signal::TERM);
        let began = Instant::now();
        while began.elapsed() < ENDS_WITHIN {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(None)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody is left to hear how it went.
        let _ = self.end();
    }
}

/// Reads the demo's one line; its further output is read and dropped, so that it never blocks.
fn hear(child: &mut Child) -> anyhow::Result<Demo> {
    let stdout = child.stdout.take().context("the server's output is not piped")?;
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stdout);
        let mut line = String::new();
        while lines.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
            if let Ok(demo) = serde_json::from_str::<Demo>(&line) {
                // Whoever waited may have given up.
                let _ = sender.send(demo);
                break;
            }
            line.clear();
        }
        drop(sender);
        // Read to the end, whatever it says.
        let _ = lines.read_to_end(&mut Vec::new());
    });
    receiver.recv_timeout(READY_WITHIN).map_err(|error| match error {
        RecvTimeoutError::Timeout => anyhow::anyhow!("it has not said where it is"),
        RecvTimeoutError::Disconnected => anyhow::anyhow!("it ended before it said where it is"),
    })
}

fn excerpt(log: &Path) -> String {
    let log = std::fs::read(log).unwrap_or_default();
    let end = String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_EXCERPT_BYTES)..]).into_owned();
    if end.trim().is_empty() { String::new() } else { format!("; the end of its log:\n{}", end.trim_end()) }
}

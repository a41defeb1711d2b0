//! Other people's servers as child processes: where their programs are, and what happens when they are not.
//!
//! `./test` builds the programs into `servers` beside `debug` and `release`, or installs them, and sets
//! `USHER_TEST_SERVERS=must`: a missing one fails there. Elsewhere it is said aloud and the test ends.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take until it answers; generous, for a machine that is busy with other tests.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);

/// A running server; killed when dropped, also by a test that panics.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
}

/// The program that `./test` builds, or `None` after saying so.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let here = std::env::current_exe().unwrap();
    // …/debug/deps/suite-…: the folder beside `debug`.
    let servers = here.ancestors().skip(3).take(1).map(|target| target.join("servers"));
    find_in(servers, program)
}

/// The program that the system has, or `None` after saying so.
pub(crate) fn find_installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    find_in(std::env::split_paths(&path), program)
}

#[expect(clippy::print_stdout, reason = "what is not tested must be seen")]
fn find_in(mut folders: impl Iterator<Item = PathBuf>, program: &str) -> Option<PathBuf> {
    let found = folders.find_map(|folder| Some(folder.join(program)).filter(|path| path.is_file()));
    if found.is_none() {
        let must = std::env::var("USHER_TEST_SERVERS").is_ok_and(|value| value == "must");
        assert!(!must, "{program} is not there, and ./test needs it");
        println!("SKIPPED: {program} is not there; ./test sees to it");
    }
    found
}

/// An address that is free now.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Server {
    /// Starts it and waits until it takes connections.
    pub(crate) fn start(command: &mut Command, address: SocketAddr) -> Self {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut server = Self { child: quiet.spawn().unwrap() };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "{command:?} ended: {ended:?}");
            assert!(began.elapsed() < ANSWERS_WITHIN, "{command:?} does not listen on {address}");
            std::thread::sleep(Duration::from_millis(5));
        }
        server
    }

    /// Sends it a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, whatever it is at.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

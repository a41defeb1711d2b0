//! A real CQL server for tests: Apache Cassandra from its jars, one node or three on 127.0.0.1 to 127.0.0.3.
//!
//! `USHER_TEST_CQL` (a list of `host:port`) names a running cluster instead. Where there is neither that nor the jars,
//! a test is skipped and says so; under `USHER_TEST_SERVERS=must`, which `./test` sets, it fails.
//!
//! Every run takes free ports and folders of its own. A node's parent is a shell that waits for the end of its input:
//! when the test process is gone, however it went, the shell ends that one node and removes its data.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a node may take until it answers; 9 s on two idle cores, more beside a build.
const NODE_READY_WITHIN: Duration = Duration::from_secs(180);
/// Starts the program named by its arguments, says under which number, and ends it when its own input ends.
const KEEPER: &str = r#"log=$1; data=$2; shift 2
"$@" >>"$log" 2>&1 </dev/null &
node=$!
echo "$node"
read -r _
kill -9 "$node"
wait "$node" 2>/dev/null
rm -rf "$data"
"#;

/// A running cluster.
pub(crate) struct Cassandra {
    pub(crate) nodes: Vec<Node>,
}

/// One node of it.
pub(crate) struct Node {
    pub(crate) spec: Spec,
    pub(crate) running: Mutex<Option<Running>>,
}

/// A node's processes; ended when dropped.
pub(crate) struct Running {
    pub(crate) keeper: Child,
    /// Its end ends the node.
    input: Option<ChildStdin>,
    pub(crate) pid: u32,
}

/// How a node is started.
pub(crate) struct Spec {
    address: SocketAddr,
    jmx_port: u16,
    folder: PathBuf,
    jars: PathBuf,
}

/// Says that a test is skipped, or fails it where nothing may be.
pub(crate) fn skip(test: &str) {
    let required = std::env::var("USHER_TEST_SERVERS").is_ok_and(|servers| servers == "must");
    assert!(!required, "{test}: no Cassandra: run ./test, or name a cluster by USHER_TEST_CQL");
    eprintln!("SKIPPED: {test}: no Cassandra (./test fetches its jars; USHER_TEST_CQL names a running cluster)");
}

/// The folder of jars that `./test` fills, if it is filled and there is a Java to run them.
pub(crate) fn jars() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("servers/cassandra");
    let has_java = Command::new("java").arg("-version").stderr(Stdio::null()).status().is_ok_and(|ran| ran.success());
    (folder.join("complete").is_file() && has_java).then_some(folder)
}

/// A folder of this process's own, without those of processes that are gone.
fn run_folder() -> PathBuf {
    static RUNS_COUNT: AtomicU32 = AtomicU32::new(0);
    let runs = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cassandra");
    for old in std::fs::read_dir(&runs).into_iter().flatten().flatten() {
        let name = old.file_name().to_string_lossy().into_owned();
        let alive = name.split('-').next().is_some_and(|pid| Path::new("/proc").join(pid).exists());
        if !alive {
            // Its node may be about to be ended and hold on to a file; the next run takes what is left.
            let _ = std::fs::remove_dir_all(old.path());
        }
    }
    let run = runs.join(format!("{}-{}", std::process::id(), RUNS_COUNT.fetch_add(1, Ordering::Relaxed)));
    std::fs::create_dir_all(&run).unwrap();
    run
}

impl Cassandra {
    pub(crate) fn start(jars: &Path, nodes_count: u8) -> Self {
        let started = Instant::now();
        let folder = run_folder();
        let addresses = (1..=nodes_count).map(|node| Ipv4Addr::new(127, 0, 0, node)).collect::<Vec<_>>();
        let [native_port, storage_port, ssl_storage_port] = free_ports(&addresses);
        let mut nodes = Vec::new();
        for (at, address) in addresses.iter().enumerate() {
            let [jmx_port] = free_ports(&[Ipv4Addr::LOCALHOST]);
            let folder = folder.join(format!("node{}", at + 1));
            write_configuration(
                &folder,
                &[
                    (
                        "token",
                        (i128::from(i64::MIN) + 1 + (at as i128 * (1 << 64)) / i128::from(nodes_count)).to_string(),
                    ),
                    ("address", address.to_string()),
                    ("native_port", native_port.to_string()),
                    ("storage_port", storage_port.to_string()),
                    ("ssl_storage_port", ssl_storage_port.to_string()),
                    ("folder", folder.join("data").display().to_string()),
                ],
            );
            let spec =
                Spec { address: SocketAddr::from((*address, native_port)), jmx_port, folder, jars: jars.to_owned() };
            let node = Node { running: Mutex::new(Some(spec.start())), spec };
            // The first one is the seed that the others ask.
            if at == 0 {
                node.wait_ready();
            }
            nodes.push(node);
        }
        nodes.iter().for_each(Node::wait_ready);
        eprintln!("{nodes_count} Cassandra node(s) answered after {:.1?}", started.elapsed());
        Self { nodes }
    }

    /// Where its nodes answer.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.spec.address).collect()
    }
}

impl Node {
    pub(crate) fn wait_ready(&self) {
        let started = Instant::now();
        while TcpStream::connect_timeout(&self.spec.address, Duration::from_secs(1)).is_err() {
            assert!(self.is_running(), "node {} ended: {}", self.spec.address, self.log_end());
            assert!(started.elapsed() < NODE_READY_WITHIN, "no answer from {}: {}", self.spec.address, self.log_end());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn is_running(&self) -> bool {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        // A process that ended and was not waited for has no memory any more.
        let status = |pid| std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        running.as_ref().is_some_and(|running| status(running.pid).contains("VmRSS"))
    }

    fn log_end(&self) -> String {
        let log = std::fs::read_to_string(self.spec.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Spec {
    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    pub(crate) fn start(&self) -> Running {
        let folder = self.folder.display();
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper"]).arg(self.log()).arg(self.folder.join("data")).arg("java");
        let options = include_str!("jvm.options").lines().flat_map(|line| line.split(' '));
        keeper.args(options).args([
            format!("-Dcassandra.config=file://{folder}/conf/cassandra.yaml"),
            format!("-Dcassandra.storagedir={folder}/data"),
            format!("-Dcassandra.jmx.local.port={}", self.jmx_port),
            "-Dcassandra-foreground=yes".to_owned(),
            "-Dcassandra.skip_wait_for_gossip_to_settle=0".to_owned(),
            "-Dcassandra.ring_delay_ms=1000".to_owned(),
            "-Dcassandra.superuser_setup_delay_ms=0".to_owned(),
            "-cp".to_owned(),
            format!("{folder}/conf:{}/*", self.jars.display()),
            "org.apache.cassandra.service.CassandraDaemon".to_owned(),
        ]);
        let mut keeper = keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = keeper.stdin.take();
        let mut pid = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut pid).unwrap();
        Running { keeper, input, pid: pid.trim().parse().unwrap() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.input.take());
        // It ends its node and then itself; one that was forgotten is gone already.
        let _ = self.keeper.wait();
    }
}

fn write_configuration(folder: &Path, words: &[(&str, String)]) {
    let mut yaml = include_str!("cassandra.yaml").to_owned();
    for (word, value) in words {
        yaml = yaml.replace(&format!("{{{word}}}"), value);
    }
    let conf = folder.join("conf");
    std::fs::create_dir_all(&conf).unwrap();
    std::fs::create_dir_all(folder.join("data")).unwrap();
    std::fs::write(conf.join("cassandra.yaml"), yaml).unwrap();
    std::fs::write(conf.join("logback.xml"), include_str!("logback.xml")).unwrap();
}

/// Ports that are free on all of these addresses now.
fn free_ports<const COUNT: usize>(addresses: &[Ipv4Addr]) -> [u16; COUNT] {
    let mut held = Vec::new();
    [(); COUNT].map(|()| {
        loop {
            let first = TcpListener::bind((addresses[0], 0)).unwrap();
            let port = first.local_addr().unwrap().port();
            let others: Result<Vec<_>, _> =
                addresses[1..].iter().map(|address| TcpListener::bind((*address, port))).collect();
            held.push(first);
            if let Ok(others) = others {
                held.extend(others);
                return port;
            }
        }
    })
}

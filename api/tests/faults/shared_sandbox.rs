//! The payment sandbox as a process of its own, which dies and returns under a purchase.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;

use crate::support::server::ServerSpec;
use crate::support::shop::{GOOD_CARD, Shop, Show};

/// A running sandbox; killed when dropped.
pub(crate) struct SandboxProcess(Child);

impl SandboxProcess {
    /// Starts it on what it had, for a house of that keys folder, and waits until it answers.
    pub(crate) fn start(data: &Path, keys: &Path, port: u16, nodes: &[&ServerSpec]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
        command.args(["sandbox", "--listen", &format!("127.0.0.1:{port}"), "--data"]).arg(data);
        command.arg("--keys").arg(keys);
        for node in nodes {
            command.args(["--webhooks", &format!("{}/webhooks/stripe", node.url())]);
        }
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let sandbox = Self(command.spawn().unwrap());
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "the sandbox does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        sandbox
    }
}

impl SandboxProcess {
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for SandboxProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_sandbox_that_dies_and_returns_costs_a_buyer_only_the_wait() {
    let folder = tempfile::tempdir().unwrap();
    let (data, port) = (folder.path().join("data"), free_port());
    let spec = ServerSpec::new(&data).with("USHER__PAYMENTS__URL", &format!("http://127.0.0.1:{port}"));
    let gone = ServerSpec::new(&folder.path().join("never-started"));
    let sandbox_data = folder.path().join("sandbox");
    // A node that is not there is asked first each time.
    let start = || SandboxProcess::start(&sandbox_data, &data.join("keys"), port, &[&gone, &spec]);
    let sandbox = start();
    let (_server, _) = spec.start_ready().await;
    let shop = Shop::open(&spec.url()).await;
    let event = shop.on_sale(&Show::default()).await;
    let (buyer, order) = shop.buy(&event, "before-it-died", 2).await;
    shop.until_paid(&order, &buyer).await;

    drop(sandbox);
    let late = shop.buyer().await;
    let (status, hold) =
        shop.hold(&event, &late, "while-it-is-gone", json!([{"kind": "best", "quantity": 1}])).await.unwrap();
    assert_eq!(status, StatusCode::CREATED, "{hold}");
    let hold = hold["hold"].as_str().unwrap();
    let (status, problem) = shop.checkout(&event, hold, &late, "while-it-is-gone").await.unwrap();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{problem}");
    let page = shop.http.get(format!("{}/sandbox/pay/pi_1?client_secret=x", shop.url)).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
    let page = page.text().await.unwrap();
    assert!(page.contains("cannot be reached") && page.contains("</html>"), "{page}");

    let _sandbox = start();
    let (status, order) = shop.checkout(&event, hold, &late, "while-it-is-gone").await.unwrap();
    assert_eq!(status, StatusCode::CREATED, "{order}");
    assert!(shop.pay(&order["payment"], GOOD_CARD).await.unwrap());
    shop.until_paid(&order, &late).await;
    let ledger: serde_json::Value =
        shop.http.get(format!("{}/sandbox/ledger", shop.url)).send().await.unwrap().json().await.unwrap();
    assert_eq!(ledger["data"].as_array().map(Vec::len), Some(2), "{ledger}");
}

//! What any store of ticket files does: the same functions over a folder and over a bucket of a real server.

use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use usher_core::TicketId;
use usher_engine::adapters::files::tickets::TicketFolder;
use usher_engine::tickets::{Download, TicketFiles};

/// Everything below.
pub(crate) async fn ticket_files_suite(files: Arc<dyn TicketFiles>) {
    files.look().await.unwrap();
    the_first_file_of_each_ticket_and_version_stays(&*files).await;
    of_many_writers_at_once_one_is_first(&files).await;
    a_download_leads_to_the_file(&*files).await;
    assert!(!files.health().is_down());
}

async fn the_first_file_of_each_ticket_and_version_stays(files: &dyn TicketFiles) {
    let (one, two) = (TicketId(0x1f), TicketId(u128::MAX));
    assert_eq!(files.get(one, 1).await.unwrap(), None);
    assert!(!files.exists(one, 1).await.unwrap());
    assert!(files.put(one, 1, Bytes::from_static(b"first")).await.unwrap());
    assert!(!files.put(one, 1, Bytes::from_static(b"second")).await.unwrap());
    assert!(files.put(one, 2, Bytes::from_static(b"later version")).await.unwrap());
    assert!(files.put(two, 1, Bytes::from_static(b"other")).await.unwrap());
    assert_eq!(files.get(one, 1).await.unwrap().unwrap(), "first");
    assert_eq!(files.get(one, 2).await.unwrap().unwrap(), "later version");
    assert_eq!(files.get(two, 1).await.unwrap().unwrap(), "other");
    assert!(files.exists(one, 1).await.unwrap() && !files.exists(two, 2).await.unwrap());
}

async fn of_many_writers_at_once_one_is_first(files: &Arc<dyn TicketFiles>) {
    for round in 0..5_u128 {
        let ticket = TicketId(0x1000 + round);
        let put = |byte: u8| {
            let files = Arc::clone(files);
            tokio::spawn(async move { (byte, files.put(ticket, 1, Bytes::from(vec![byte; 20_000])).await.unwrap()) })
        };
        let writers: Vec<_> = (0..8).map(put).collect();
        let mut first = Vec::new();
        for writer in writers {
            let (byte, was_first) = writer.await.unwrap();
            first.extend(was_first.then_some(byte));
        }
        assert_eq!(first.len(), 1, "round {round}");
        assert_eq!(files.get(ticket, 1).await.unwrap().unwrap(), vec![first[0]; 20_000], "round {round}");
    }
}

async fn a_download_leads_to_the_file(files: &dyn TicketFiles) {
    let ticket = TicketId(0x2000);
    assert_eq!(files.download(ticket, 1).await.unwrap(), None);
    files.put(ticket, 1, Bytes::from_static(b"%PDF-1.7 of a ticket")).await.unwrap();
    let pdf = match files.download(ticket, 1).await.unwrap().unwrap() {
        Download::Pdf(pdf) => pdf,
        Download::At(link) => {
            let got = fetch(&link).await;
            assert_eq!(got.status, 200, "{}", got.head);
            Bytes::from(got.body)
        }
    };
    assert_eq!(pdf, "%PDF-1.7 of a ticket");
}

/// What a server has answered.
pub(crate) struct Fetched {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// Gets a link as somebody who knows nothing but it. Names under `localhost` are this machine.
pub(crate) async fn fetch(link: &str) -> Fetched {
    let (host, path) = link.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let port: u16 = host.rsplit(':').next().unwrap().parse().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Fetched { status, head, body: answer.split_off(end + 4) }
}

#[tokio::test]
async fn a_folder_does_what_a_store_of_ticket_files_does() {
    let folder = tempfile::tempdir().unwrap();
    ticket_files_suite(Arc::new(TicketFolder::open(&folder.path().join("tickets")).unwrap())).await;
}

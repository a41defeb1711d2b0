//! The bucket of tickets against a real server: the conformance suite, links, wrong keys, and a server that is away,
//! silent, late, or swallows an answer. Callers run on another runtime than the connections, as in the house.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};
use usher_core::TicketId;
use usher_engine::adapters::s3::{Addressing, Downloads, S3Config, TicketBucket};
use usher_engine::tickets::{Download, LookError, TicketFiles};

use crate::support::bucket_server::BucketServer;
use crate::support::servers::free_address;
use crate::support::tcp_proxy::{Mood, TcpProxy};
use crate::ticket_files_conformance::{fetch, ticket_files_suite};

const TICKET: TicketId = TicketId(7);

/// The house's threads, which must not be waited for where others run.
struct House(Option<Runtime>);

impl House {
    fn new() -> Self {
        Self(Some(Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()))
    }

    fn bucket(&self, config: S3Config) -> Arc<TicketBucket> {
        Arc::new(TicketBucket::new(config, self.0.as_ref().unwrap().handle().clone()).unwrap())
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.0.take().unwrap().shutdown_background();
    }
}

async fn link_of(bucket: &TicketBucket) -> String {
    match bucket.download(TICKET, 1).await.unwrap().unwrap() {
        Download::At(link) => link,
        Download::Pdf(_) => panic!("it came through the house"),
    }
}

/// Impatient, so that a test of silence is short.
fn hurried(config: S3Config) -> S3Config {
    let ms = Duration::from_millis;
    S3Config { connect_within: ms(200), attempt_within: ms(300), call_within: ms(1_500), ..config }
}

#[tokio::test]
async fn a_bucket_does_what_a_store_of_ticket_files_does_named_either_way() {
    let Some(server) = BucketServer::any() else { return };
    let house = House::new();
    let in_path = server.bucket().await;
    ticket_files_suite(house.bucket(in_path)).await;
    let in_host = S3Config {
        endpoint: Some(server.named_endpoint()),
        addressing: Addressing::VirtualHost,
        ..server.bucket().await
    };
    let bucket = house.bucket(in_host.clone());
    ticket_files_suite(bucket.clone()).await;
    bucket.put(TICKET, 1, Bytes::from_static(b"pdf")).await.unwrap();
    let host = format!("http://{}.localhost:{}/a%20house/", in_host.bucket, server.address.port());
    assert!(link_of(&bucket).await.starts_with(&host), "the bucket is not named by its host");
}

#[tokio::test]
async fn tickets_come_through_the_house_where_buyers_cannot_reach_the_bucket() {
    let Some(server) = BucketServer::any() else { return };
    let house = House::new();
    let bucket = house.bucket(S3Config { downloads: Downloads::Through, ..server.bucket().await });
    ticket_files_suite(bucket.clone()).await;
    bucket.put(TICKET, 1, Bytes::from_static(b"pdf")).await.unwrap();
    assert_eq!(bucket.download(TICKET, 1).await.unwrap(), Some(Download::Pdf(Bytes::from_static(b"pdf"))));
}

#[tokio::test]
async fn a_link_opens_one_ticket_to_be_kept_and_only_for_a_while() {
    let Some(server) = BucketServer::any() else { return };
    let house = House::new();
    let config = server.bucket().await;
    let bucket = house.bucket(config.clone());
    bucket.put(TICKET, 1, Bytes::from_static(b"pdf")).await.unwrap();
    bucket.put(TicketId(8), 1, Bytes::from_static(b"another's")).await.unwrap();

    let link = link_of(&bucket).await;
    let got = fetch(&link).await;
    assert_eq!((got.status, got.body.as_slice()), (200, b"pdf".as_slice()));
    for line in ["content-type: application/pdf", "content-disposition: attachment; filename=\"tkt_0", "no-store"] {
        assert!(got.head.contains(line), "{line}: {}", got.head);
    }
    let others = link.replace(&TICKET.to_string(), &TicketId(8).to_string());
    assert_eq!(fetch(&others).await.status, 403);
    assert_eq!(fetch(link.split('?').next().unwrap()).await.status, 403);
    assert!(link.contains("X-Amz-Expires=300&"), "{link}");

    // However long the settings say, five minutes are the most.
    let day = Downloads::Link { endpoint: None, valid_for: Duration::from_secs(86_400) };
    let link = link_of(&house.bucket(S3Config { downloads: day, ..config.clone() })).await;
    assert!(link.contains("X-Amz-Expires=300&"), "{link}");

    let second = Downloads::Link { endpoint: None, valid_for: Duration::from_secs(1) };
    let link = link_of(&house.bucket(S3Config { downloads: second, ..config })).await;
    let began = Instant::now();
    while fetch(&link).await.status == 200 {
        assert!(began.elapsed() < Duration::from_secs(10), "a link for one second still opens");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(fetch(&link).await.status, 403);
}

#[tokio::test]
async fn a_link_is_signed_for_the_host_that_buyers_reach() {
    let Some(server) = BucketServer::any() else { return };
    let house = House::new();
    let endpoint = Some("https://tickets.example.org".to_owned());
    let downloads = Downloads::Link { endpoint, valid_for: Duration::from_secs(60) };
    let config = S3Config { downloads, ..server.bucket().await };
    for (addressing, start) in [
        (Addressing::Path, format!("https://tickets.example.org/{}/a%20house/tkt_", config.bucket)),
        (Addressing::VirtualHost, format!("https://{}.tickets.example.org/a%20house/tkt_", config.bucket)),
    ] {
        let endpoint = Some(server.named_endpoint());
        let bucket = house.bucket(S3Config { addressing, endpoint, ..config.clone() });
        bucket.put(TICKET, 1, Bytes::from_static(b"pdf")).await.unwrap();
        let link = link_of(&bucket).await;
        assert!(link.starts_with(&start), "{link}");
    }
}

#[tokio::test]
async fn a_wrong_key_and_a_missing_bucket_are_refusals_and_say_no_secret() {
    let Some(server) = BucketServer::any() else { return };
    let house = House::new();
    let config = server.bucket().await;
    let mut wrong_secret = config.clone();
    wrong_secret.credentials.secret_key = "not the secret".to_owned();
    let mut wrong_key = config.clone();
    wrong_key.credentials.access_key = "nobody".to_owned();
    let no_bucket = S3Config { bucket: "not-there".to_owned(), ..config };
    for config in [wrong_secret, wrong_key, no_bucket] {
        let bucket = house.bucket(config.clone());
        let put = bucket.put(TICKET, 1, Bytes::from_static(b"pdf")).await.unwrap_err().to_string();
        assert!(bucket.get(TICKET, 1).await.is_err(), "a refusal looks like an empty bucket");
        let looked = bucket.look().await.unwrap_err();
        assert!(matches!(looked, LookError::Refused(_)), "{looked}");
        assert!(bucket.health().is_down());
        for words in [put, looked.to_string(), format!("{config:?}")] {
            assert!(!words.contains(&config.credentials.secret_key), "{words}");
            assert!(!words.contains("Signature="), "{words}");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_away_costs_its_callers_nothing_once_that_is_known_and_works_when_it_is_back() {
    let Some(mut server) = BucketServer::own() else { return };
    let house = House::new();
    let bucket = house.bucket(hurried(server.bucket().await));
    assert!(bucket.put(TICKET, 1, Bytes::from_static(b"pdf")).await.unwrap());
    server.stop();
    let began = Instant::now();
    for _ in 0..3 {
        assert!(bucket.exists(TICKET, 1).await.is_err());
    }
    assert!(began.elapsed() < Duration::from_secs(5), "a refused port took {:?}", began.elapsed());
    assert!(bucket.health().is_down());
    let began = Instant::now();
    for _ in 0..1_000 {
        assert!(bucket.put(TicketId(8), 1, Bytes::from_static(b"pdf")).await.is_err());
    }
    assert!(began.elapsed() < Duration::from_secs(1), "it is still asked: {:?}", began.elapsed());
    assert!(matches!(bucket.look().await, Err(LookError::Silent(_))));
    server.start();
    bucket.look().await.unwrap();
    assert_eq!(bucket.get(TICKET, 1).await.unwrap().unwrap(), "pdf");
    assert!(bucket.put(TicketId(8), 1, Bytes::from_static(b"pdf")).await.unwrap());
}

#[tokio::test]
async fn a_silent_server_is_given_up_on_and_a_late_one_is_waited_for() {
    let Some(server) = BucketServer::any() else { return };
    let house = House::new();
    let proxy = TcpProxy::before(server.address).await;
    let direct = server.bucket().await;
    let config = S3Config { endpoint: Some(format!("http://{}", proxy.address)), ..direct };

    proxy.is(Mood::Silent);
    let bucket = house.bucket(hurried(config.clone()));
    let began = Instant::now();
    assert!(bucket.put(TICKET, 1, Bytes::from_static(b"pdf")).await.is_err());
    let took = began.elapsed();
    assert!((Duration::from_millis(300)..Duration::from_secs(4)).contains(&took), "{took:?}");
    assert!(matches!(bucket.look().await, Err(LookError::Silent(_))));

    proxy.is(Mood::Late(Duration::from_millis(100)));
    bucket.look().await.unwrap();
    let patient = house.bucket(config);
    assert!(patient.put(TICKET, 1, Bytes::from(vec![1; 40_000])).await.unwrap());
    assert_eq!(patient.get(TICKET, 1).await.unwrap().unwrap().len(), 40_000);
}

#[tokio::test]
async fn a_put_whose_answer_is_swallowed_is_sent_again_and_finds_its_own_file() {
    let Some(server) = BucketServer::any() else { return };
    let house = House::new();
    let proxy = TcpProxy::before(server.address).await;
    let direct = server.bucket().await;
    let bucket = house.bucket(S3Config { endpoint: Some(format!("http://{}", proxy.address)), ..direct });
    proxy.is(Mood::SwallowsOneAnswer);
    assert!(!bucket.put(TICKET, 1, Bytes::from_static(b"pdf")).await.unwrap(), "the answer was not swallowed");
    assert_eq!(bucket.get(TICKET, 1).await.unwrap().unwrap(), "pdf");
    assert!(!bucket.health().is_down());
}

#[tokio::test]
async fn nobody_at_the_address_is_silence_and_not_a_wrong_setting() {
    let Some(server) = BucketServer::any() else { return };
    let house = House::new();
    let nobody = Some(format!("http://{}", free_address()));
    let bucket = house.bucket(S3Config { endpoint: nobody, ..hurried(server.bucket().await) });
    let began = Instant::now();
    assert!(matches!(bucket.look().await, Err(LookError::Silent(_))));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

//! What bounds a request: sizes, time, numbers. And what every response carries.

use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use usher::access::Access;
use usher::middleware::shell::shell;
use usher::table::Table;

use crate::support::TestHouse;

#[actix_web::test]
async fn a_body_past_the_limit_is_refused() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let huge = json!({"email": "a".repeat(70_000), "password": "", "organizer_name": ""});
    let (status, problem) = house.call(Method::POST, "/api/v1/accounts", None, Some(huge)).await;
    assert_eq!((status.as_u16(), &problem["code"]), (413, &json!("too_large")), "{problem}");
    let event = house.draft(&key, 1_000).await;
    let path = format!("/api/v1/organizer/events/{event}/seating-plan");
    // A declared length is judged before a byte of the body is sent.
    let declared = |method: &str, path: &str, bytes: usize| {
        let bearer = if path.starts_with("/api/v1/organizer") {
            format!("Authorization: Bearer {key}\r\n")
        } else {
            String::new()
        };
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{bearer}Content-Length: {bytes}\r\n\r\n")
    };
    for (method, path, bytes) in [
        ("PUT", path.as_str(), (16 << 20) + 1),
        ("POST", "/api/v1/organizer/events", (64 << 10) + 1),
        ("POST", "/api/v1/buyers", 10 << 20),
        ("POST", "/organizer/login", 10 << 20),
        ("POST", "/webhooks/stripe", 10 << 20),
        ("POST", "/sandbox/v1/payment_intents", 10 << 20),
        ("POST", "/no/such/address", 17 << 20),
    ] {
        let answer = raw(&house, declared(method, path, bytes).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{path}: {answer}");
        assert!(answer.contains("content-type: application/problem+json"), "{path}: {answer}");
        assert!(answer.contains("\"code\":\"too_large\""), "{path}: {answer}");
    }
    // One that is not declared is cut off where it passes the limit, even where nobody wants a body.
    for (path, bytes) in
        [("/api/v1/buyers", 64 << 10), ("/api/v1/accounts", 64 << 10), ("/sandbox/v1/refunds", 32 << 10)]
    {
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n", bytes + 1);
        let answer = raw(&house, &[head.as_bytes(), &vec![b' '; bytes + 1], b"\r\n"].concat()).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{path}: {answer}");
        assert!(answer.contains("\"code\":\"too_large\""), "{path}: {answer}");
    }
    let chunked = "POST /api/v1/buyers HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    let answer = raw(&house, chunked.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    house.stop().await;
}

/// Sends these bytes and reads what comes first.
async fn raw(house: &TestHouse, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(house.url.strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = vec![0; 16 << 10];
    let mut read = 0;
    // The head may come before the body.
    while !String::from_utf8_lossy(&answer[..read]).contains("\r\n\r\n{") {
        let more = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut answer[read..])).await;
        match more.unwrap().unwrap() {
            0 => break,
            count => read += count,
        }
    }
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[actix_web::test]
async fn an_address_names_its_methods_to_who_comes_with_another() {
    let house = TestHouse::start().await;
    for (method, path, allowed) in [
        (Method::POST, "/healthz", "GET, HEAD"),
        (Method::PUT, "/api/v1/organizer/events/evt_1", "GET, HEAD, PATCH, DELETE"),
        (Method::GET, "/api/v1/buyers", "POST"),
        (Method::DELETE, "/organizer/login", "GET, HEAD, POST"),
        (Method::DELETE, "/sandbox/ledger", "GET"),
    ] {
        let response = house.request(method, path, None).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 405, "{path}");
        assert_eq!(response.headers()["allow"], allowed, "{path}");
        assert_eq!(response.json::<serde_json::Value>().await.unwrap()["code"], "method_not_allowed", "{path}");
    }
    house.stop().await;
}

#[actix_web::test]
async fn a_request_that_drips_is_cut_off_at_the_deadline() {
    let house = TestHouse::start_with(|settings| settings.server.deadline = "1s".parse().unwrap()).await;
    let address = house.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head =
        "POST /api/v1/accounts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4_096];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut answer)).await.unwrap().unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]);
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("\"code\":\"deadline\""), "{answer}");
    house.stop().await;
}

#[actix_web::test]
async fn a_full_server_says_so_and_still_answers_the_machinery() {
    let house = TestHouse::start_with(|settings| settings.server.in_flight_max = 1).await;
    let address = house.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head =
        "POST /api/v1/accounts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    // The first request holds the only place from some moment on; until then others are answered.
    let refused = loop {
        let response = house.request(Method::GET, "/api/v1/events", None).send().await.unwrap();
        if response.status() != StatusCode::OK {
            break response;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    let (status, _) = house.call(Method::GET, "/healthz", None, None).await;
    assert_eq!(status, StatusCode::OK);
    drop(stream);
    house.stop().await;
}

#[actix_web::test]
async fn every_response_is_dressed_and_every_problem_explains_itself() {
    let house = TestHouse::start().await;
    for path in ["/api/v1/events", "/api/v1/nothing", "/healthz", "/docs", "/problems/seats_taken"] {
        let response = house.request(Method::GET, path, None).send().await.unwrap();
        let headers = response.headers();
        assert!(headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"), "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert!(headers["x-request-id"].to_str().unwrap().starts_with("req_"), "{path}");
        assert!(headers.contains_key("cache-control"), "{path}");
    }
    let response = house.request(Method::GET, "/api/v1/events/evt_0", None).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let problem: serde_json::Value = response.json().await.unwrap();
    assert_eq!(problem["instance"], json!(id));
    let page = house.request(Method::GET, problem["type"].as_str().unwrap(), None).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let (status, problem) = house.call(Method::POST, "/healthz", None, None).await;
    assert_eq!((status.as_u16(), &problem["code"]), (405, &json!("method_not_allowed")));
    let head = house.request(Method::HEAD, "/api/v1/events", None).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    let page = house.request(Method::GET, "/no/such/page", None).header("Accept", "text/html").send().await.unwrap();
    assert_eq!(page.status(), StatusCode::NOT_FOUND);
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    house.stop().await;
}

#[actix_web::test]
async fn what_cannot_be_read_is_told_apart_from_what_cannot_be() {
    let house = TestHouse::start().await;
    let send = |body: &'static str, kind: &'static str| {
        house.request(Method::POST, "/api/v1/sessions", None).header("Content-Type", kind).body(body).send()
    };
    let cases = [
        ("{", "application/json", 400, "malformed"),
        ("{\"email\": 1}", "application/json", 422, "invalid"),
        ("{\"email\": \"\", \"password\": \"\", \"extra\": 1}", "application/json", 422, "invalid"),
        ("{}", "text/plain", 415, "unsupported_media_type"),
    ];
    for (body, kind, status, code) in cases {
        let response = send(body, kind).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{body}");
        let problem: serde_json::Value = response.json().await.unwrap();
        assert_eq!(problem["code"], code, "{body}");
    }
    let (status, problem) = house.call(Method::GET, "/api/v1/events?cursor=nonsense", None, None).await;
    assert_eq!(status.as_u16(), 400, "{problem}");
    house.stop().await;
}

#[actix_web::test]
async fn a_panic_is_a_problem_and_the_connection_lives() {
    let house = TestHouse::start().await;
    let state = house.state().clone();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = HttpServer::new(move || {
        let mut table = Table::default();
        table.get(Access::Anyone, "/panics", async || -> &str { panic!("on purpose") });
        table.get(Access::Anyone, "/fine", async || "fine");
        let state = Data::new(state.clone());
        App::new().app_data(state).configure(|config| table.configure(config)).wrap(from_fn(shell))
    });
    let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    for _ in 0..3 {
        let response = house.http.get(format!("{url}/panics")).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let problem: serde_json::Value = response.json().await.unwrap();
        assert_eq!(problem["code"], "internal");
        assert!(problem["instance"].as_str().unwrap().starts_with("req_"));
        let response = house.http.get(format!("{url}/fine")).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
    handle.stop(true).await;
    house.stop().await;
}

//! The server as its clients meet it: the production application on a free port, with everything embedded.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod audit_log;
#[expect(dead_code, reason = "shared by three binaries, and none needs all of it")]
#[path = "../../../engine/tests/suite/support/bucket_server.rs"]
mod bucket_server;
mod buying;
#[path = "../../../engine/tests/cassandra/mod.rs"]
mod cassandra;
mod command_line;
mod cql_house;
mod editing;
mod late_payment;
mod limits;
mod live;
mod operating;
mod out_of_order;
mod page_forms;
mod pages;
mod printing;
mod problems;
mod redis;
#[expect(dead_code, reason = "shared by three binaries, and none needs all of it")]
#[path = "../../../engine/tests/suite/support/redis_server.rs"]
mod redis_server;
mod routes;
mod sandbox_api;
mod sandbox_gateway;
mod sandbox_house;
mod sandbox_pages;
mod sandbox_webhooks;
mod schedule;
#[path = "../../../engine/tests/suite/support/servers.rs"]
mod servers;
mod stripe_mock;
mod support;
mod ticket_store;
mod tidy;

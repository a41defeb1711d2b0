//! The server as its clients meet it: the production application on a free port, with everything embedded.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod buying;
mod command_line;
mod editing;
mod late_payment;
mod limits;
mod live;
mod operating;
mod page_forms;
mod pages;
mod printing;
mod routes;
mod sandbox_api;
mod sandbox_gateway;
mod sandbox_house;
mod sandbox_pages;
mod sandbox_webhooks;
mod schedule;
mod support;
mod tidy;

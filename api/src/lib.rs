//! The server: JSON API, pages, live streams, settings; the composition root.

pub mod access;
pub mod app;
pub mod back_office;
pub mod cli;
pub mod config;
pub mod cookies;
pub mod desk;
pub mod extract;
pub mod house;
pub mod live;
pub mod logs;
pub mod metrics;
pub mod middleware;
pub mod pages;
pub mod plans;
pub mod problem;
mod routes;
pub mod sandbox;
pub mod state;
pub mod table;
pub mod timestamp;

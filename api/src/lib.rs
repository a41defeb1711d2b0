//! The server: JSON API, pages, live streams, settings; the composition root.

pub mod access;
pub mod app;
pub mod config;
pub mod cookies;
pub mod desk;
pub mod pages;
pub mod problem;
pub mod sandbox;
pub mod state;
pub mod table;
pub mod timestamp;

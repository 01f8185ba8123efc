//! What the service shows over HTTP: metrics, the live picture, and a page to look at it and to move zones.
//!
//! | path | |
//! |---|---|
//! | `/` | the page |
//! | `/stream.mjpg` | the picture with boxes, as motion JPEG |
//! | `/snapshot.jpg` | one picture |
//! | `/live` | counts, latencies and events as they come (server-sent events) |
//! | `/settings` | score, zones, lines and masks: GET, or POST to change them |
//! | `/metrics` | Prometheus |
//! | `/healthz` | 200 while frames come, 503 while the source is away |
//!
//! It listens on the loopback address unless it is told otherwise, and then wants a token. Every connection has a thread of its
//! own, of which there are few; one that does not read is dropped after a while. None of them ever holds the loop up: that
//! leaves a picture on a desk when somebody watches and the desk is free.

mod desk;
mod door;
mod request;
mod routes;
mod server;

pub use server::Server;

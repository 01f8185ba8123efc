//! A bird feeder's camera: `retort run-service` with one more sink, which keeps the frames that its model is unsure about.
//!
//! ```text
//! camera ─► service ─► birds ─┬─► snapshots, page, MQTT (retort.toml)
//!                             └─► doubt ─► kept/ ─► `retort-train distill --continue --add` on a computer ─► a better model
//! ```

pub mod doubt;

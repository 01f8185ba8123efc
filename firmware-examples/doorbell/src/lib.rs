//! A doorbell: `retort run-service` with one more sink, a bell on a GPIO line.
//!
//! ```text
//! camera ─► service ─► zone "door" ─┬─► snapshot, MQTT, JSON (retort.toml)
//!                                   └─► bell ─► line, on a thread of its own
//! ```

pub mod bell;
pub mod line;

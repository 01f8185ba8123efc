//! A camera that is watched for months: what `retort run-service` runs.
//!
//! ```text
//! source ─► eye: detect ─► mask ─► track ─► zones and lines ─► sinks
//!   ▲                        governor: how often, and how large        lines, metrics, live page, snapshots, MQTT, …
//! ```
//!
//! One thread takes the newest frame, looks at it and hands out what it saw; once everything has been seen once, it does not
//! allocate. Whatever may wait for somebody else (a disk, a network, a viewer) has a thread of its own, a fixed amount of memory,
//! and loses what does not fit, counted. A sink that fails is reported and tried again; the camera is looked for until it
//! is back; a watchdog ends what hangs, so that whoever started it starts it anew.
//!
//! | file | idea |
//! |---|---|
//! | `config` | the TOML file, checked as a whole before anything of it counts |
//! | `eye` | what a frame shows and what happens in it |
//! | `governor` | less work for a board that is hot or short of power |
//! | `pace` | how often frames are looked at |
//! | `pulse` | the sign of life that a watchdog waits for, and what systemd is told |
//! | `meters` | counts and latencies, for metrics and the live page |
//! | `outlets` | all sinks, each failing for itself |
//! | `controls` | what the live page may change |
//! | `ledger` | what the run costs in memory |
//! | `http` | metrics, the live picture and a page to look at it |
//! | `run` | the loop |

pub mod config;
mod controls;
mod eye;
mod governor;
mod http;
mod ledger;
mod meters;
mod outlets;
mod pace;
mod pulse;
mod run;

pub use config::Config;
pub use controls::{Controls, Settings};
pub use eye::{Eye, Seen};
pub use governor::{Governor, Level};
pub use ledger::Summary;
pub use meters::{Meters, SharedMeters};
pub use run::{Ended, Service};

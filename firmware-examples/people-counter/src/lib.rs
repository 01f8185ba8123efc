//! A people counter: `retort run-service` with one more sink, which counts crossings and shows them.
//!
//! ```text
//! camera ─► service ─► lines ─► counter ─► counts ─┬─► face ─► screen    a thread of its own, when
//!                                                  └─► counts.json       something has changed
//! ```

pub mod bitmap;
pub mod counter;
pub mod counts;
pub mod face;
pub mod screen;

//! The threads that run the steps of a plan together: a fixed pool that sleeps between runs, and that steps aside where
//! it does not help.
//!
//! | file | its idea |
//! |---|---|
//! | `board` | one step's parts, claimed by whoever is free; the only unsafe code |
//! | `helper` | what a helper's thread does: claim, look again for a moment, sleep |
//! | `governor` | whether the next run is helped: measured, and doubted when another process holds the cores |
//! | `pool` | the pool itself |
//!
//! The caller's thread always works, starts before any helper is awake, and waits only for parts that a helper has begun.
//! Who computes a part changes no result, so nothing here can.
#![deny(unsafe_code)]

mod board;
mod governor;
mod helper;
mod pool;

pub use pool::{MAX_THREADS, Pool};

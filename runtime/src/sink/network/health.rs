//! How a sink does, for whoever watches it: counters that any thread may read at any time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// How a sink does at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkHealth {
    /// Whether it reaches its address: for MQTT whether there is a connection, for a webhook whether the last attempt was
    /// answered; `false` before the first.
    pub connected: bool,
    /// Events that the other side has confirmed.
    pub delivered: u64,
    /// Events that were given up: too many waited, or the other side refused them.
    pub dropped: u64,
    /// Events that wait to be confirmed.
    pub queued: u64,
}

/// The counters behind it.
#[derive(Debug, Default)]
pub struct Health {
    connected: AtomicBool,
    delivered: AtomicU64,
    dropped: AtomicU64,
    queued: AtomicU64,
}

impl Health {
    /// How the sink does now. Each number is right; they may be of moments that differ by an event.
    pub fn read(&self) -> SinkHealth {
        SinkHealth {
            connected: self.connected.load(Relaxed),
            delivered: self.delivered.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            queued: self.queued.load(Relaxed),
        }
    }

    pub(in crate::sink) fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Relaxed);
    }

    /// One more event waits.
    pub(super) fn queued(&self) {
        self.queued.fetch_add(1, Relaxed);
    }

    /// A new event waits in the place of one that was dropped.
    pub(super) fn replaced(&self) {
        self.dropped.fetch_add(1, Relaxed);
    }

    /// One that waited was confirmed.
    pub(in crate::sink) fn delivered(&self) {
        self.delivered.fetch_add(1, Relaxed);
        self.queued.fetch_sub(1, Relaxed);
    }

    /// One that waited was given up.
    pub(in crate::sink) fn dropped(&self) {
        self.dropped.fetch_add(1, Relaxed);
        self.queued.fetch_sub(1, Relaxed);
    }
}

//! Events on their way from the thread that looks at frames to the one that sends them: in order, never more than so many.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use super::health::Health;
use crate::place::{Event, Places};
use crate::sink::{Happening, Report, Wish, unix_ms, wanted};

/// An event as it waits to be sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::sink) struct Item {
    pub event: Event,
    /// When it happened, by the machine's clock.
    pub unix_ms: u64,
}

impl Item {
    /// What is sent.
    pub fn json(&self, places: &Places, classes: &[String]) -> Vec<u8> {
        let said = serde_json::to_vec(&Happening::new(&self.event, places, classes, self.unix_ms));
        said.expect("numbers and text are always JSON")
    }
}

/// Takes its memory once. When it is full, the oldest event makes room.
#[derive(Debug)]
pub(in crate::sink) struct Outbox {
    /// Held for a few instructions at a time: no allocation, no system call, no waiting while it is.
    items: Mutex<VecDeque<Item>>,
    capacity: usize,
    closing: OnceLock<Instant>,
    pub health: Arc<Health>,
}

impl Outbox {
    pub fn new(capacity: usize) -> Arc<Outbox> {
        let items = Mutex::new(VecDeque::with_capacity(capacity));
        Arc::new(Outbox { items, capacity, closing: OnceLock::new(), health: Arc::default() })
    }

    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Puts in those events of a frame that are wished for; whether there are any.
    pub fn take(&self, report: &Report<'_>, wishes: &[Wish]) -> bool {
        let Some(scene) = report.scene.filter(|scene| !scene.events().is_empty()) else { return false };
        let (mut any, now) = (false, unix_ms());
        for event in scene.events().iter().filter(|event| wanted(wishes, event, scene.places())) {
            self.push(Item { event: *event, unix_ms: now });
            any = true;
        }
        any
    }

    pub fn push(&self, item: Item) {
        let mut items = self.items();
        match items.len() == self.capacity && items.pop_front().is_some() {
            true => self.health.replaced(),
            false => self.health.queued(),
        }
        items.push_back(item);
    }

    /// The oldest. It still counts as queued, until it is delivered or dropped.
    pub fn pop(&self) -> Option<Item> {
        self.items().pop_front()
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.items().is_empty()
    }

    /// Asks for the rest to be sent soon.
    pub fn close(&self) {
        self.closing.get_or_init(Instant::now);
    }

    /// When that was asked for.
    pub fn closing(&self) -> Option<Instant> {
        self.closing.get().copied()
    }

    fn items(&self) -> MutexGuard<'_, VecDeque<Item>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::What;
    use crate::sink::happening::tests::event;

    #[test]
    fn the_oldest_make_room_and_are_counted() {
        let outbox = Outbox::new(3);
        for number in 0..5 {
            outbox.push(Item { event: event(What::Entered { zone: 0 }), unix_ms: number });
        }
        let health = outbox.health.read();
        assert_eq!((health.queued, health.dropped), (3, 2));
        let left: Vec<u64> = std::iter::from_fn(|| outbox.pop()).map(|item| item.unix_ms).collect();
        assert_eq!(left, [2, 3, 4]);
        assert_eq!(outbox.health.read().queued, 3, "not delivered yet");
        outbox.health.delivered();
        assert_eq!(outbox.health.read().queued, 2);
    }
}

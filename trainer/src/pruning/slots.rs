//! Channels of tensors, and which of them are one: a union of sets (Tarjan 1975) over all channels of all tensors.

use std::collections::HashMap;

/// The channels of every tensor of floats: its second axis.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    places: HashMap<String, (usize, usize)>,
    parents: Vec<usize>,
    pinned: Vec<bool>,
}

impl Slots {
    /// Each channel of each tensor by itself. Tensors of less than two axes have none.
    pub fn new(shapes: &HashMap<String, Vec<usize>>) -> Slots {
        // In an order that does not depend on how a map hashes.
        let mut names: Vec<&String> = shapes.keys().collect();
        names.sort_unstable();
        let mut slots = Slots::default();
        for name in names {
            let Some(&count) = shapes[name].get(1) else { continue };
            slots.places.insert(name.clone(), (slots.parents.len(), count));
            slots.parents.extend(slots.parents.len()..slots.parents.len() + count);
        }
        slots.pinned = vec![false; slots.parents.len()];
        slots
    }

    /// Number of a tensor's channels; none of a tensor that has no channels, or is not of floats.
    pub fn count(&self, tensor: &str) -> Option<usize> {
        self.places.get(tensor).map(|(_, count)| *count)
    }

    /// Names of all tensors with channels.
    pub fn tensors(&self) -> impl Iterator<Item = &String> {
        self.places.keys()
    }

    /// What stands for a channel and all that are one with it.
    pub fn root(&self, tensor: &str, channel: usize) -> Option<usize> {
        let (start, count) = self.places.get(tensor)?;
        (channel < *count).then(|| self.find(start + channel))
    }

    /// Whether the channels of a root have to stay.
    pub fn is_pinned(&self, root: usize) -> bool {
        self.pinned[root]
    }

    /// Says that two channels go or stay together.
    pub fn tie(&mut self, (a, i): (&str, usize), (b, j): (&str, usize)) {
        let (Some(a), Some(b)) = (self.root(a, i), self.root(b, j)) else { return };
        let (first, second) = (a.min(b), a.max(b));
        self.parents[second] = first;
        self.pinned[first] |= self.pinned[second];
    }

    /// Says that all channels of a tensor stay.
    pub fn pin(&mut self, tensor: &str) {
        for channel in 0..self.count(tensor).unwrap_or(0) {
            if let Some(root) = self.root(tensor, channel) {
                self.pinned[root] = true;
            }
        }
    }

    fn find(&self, mut slot: usize) -> usize {
        while self.parents[slot] != slot {
            slot = self.parents[slot];
        }
        slot
    }

    /// Shortens all ways to the roots.
    pub fn flatten(&mut self) {
        for slot in 0..self.parents.len() {
            self.parents[slot] = self.find(slot);
        }
    }
}

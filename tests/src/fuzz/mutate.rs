//! Changes of inputs that look random and are the same each time: what a fuzzer does, without its eye for what is new.

/// Values that are wrong more often than others.
const ODD: [u64; 12] =
    [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 1 << 24, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x7fff_ffff_ffff_ffff];

/// An endless row of changed inputs.
pub struct Mutations<'c> {
    corpus: &'c [Vec<u8>],
    state: u64,
}

impl<'c> Mutations<'c> {
    /// Changes of these inputs, of which there must be one at least.
    pub fn new(corpus: &'c [Vec<u8>]) -> Self {
        Mutations { corpus, state: 1 }
    }

    /// A number below `most` (Knuth's linear congruential generator); 0 where `most` is.
    fn below(&mut self, most: usize) -> usize {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) as usize % most.max(1)
    }

    /// Changes bytes in one place.
    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        let end = (at + 1 + self.below(16)).min(bytes.len());
        match self.below(9) {
            _ if bytes.is_empty() => bytes.push(self.below(256) as u8),
            0 => bytes[at] ^= 1 << self.below(8),
            1 => bytes[at] = self.below(256) as u8,
            2 => bytes[at] = bytes[at].wrapping_add(if self.below(2) == 0 { 1 } else { 255 }),
            3 => {
                bytes.drain(at..end);
            }
            4 => {
                let again = bytes[at..end].to_vec();
                let to = self.below(bytes.len());
                bytes.splice(to..to, again);
            }
            5 => bytes.truncate(at),
            6 | 7 => {
                let odd = ODD[self.below(ODD.len())].to_le_bytes();
                let len = [1, 2, 4, 8][self.below(4)].min(bytes.len() - at);
                bytes[at..at + len].copy_from_slice(&odd[..len]);
            }
            _ => {
                let other = &self.corpus[self.below(self.corpus.len())];
                let from = self.below(other.len());
                let len = (1 + self.below(32)).min(other.len() - from);
                let piece = other[from..from + len].to_vec();
                let end = (at + len).min(bytes.len());
                bytes.splice(at..end, piece);
            }
        }
    }
}

impl Iterator for Mutations<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut bytes = self.corpus[self.below(self.corpus.len())].clone();
        for _ in 0..1 + self.below(4) {
            self.change(&mut bytes);
        }
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_many_and_the_same_each_time() {
        let corpus = [b"one input".to_vec(), Vec::new()];
        let some = || Mutations::new(&corpus).take(500).collect::<Vec<_>>();
        assert_eq!(some(), some());
        let different: std::collections::HashSet<_> = some().into_iter().collect();
        assert!(different.len() > 300, "{}", different.len());
    }
}

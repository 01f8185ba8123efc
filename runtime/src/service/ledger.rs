//! What a run costs in memory, once it has warmed up: allocations a frame, and whether it grows.

use retort_alloc_count::requests;
use serde::Serialize;

use super::meters::Meters;
use crate::board::Root;
use crate::board::memory::Process;

/// Frames after which everything has been seen once.
const WARM: u64 = 100;

/// Counts allocations of the whole process.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    frames: u64,
    /// When it was warm: the requests until then, and the memory.
    warm: Option<(usize, Option<u64>)>,
    /// Requests since, those of frames in which something was set up apart.
    requests: usize,
    counted: u64,
    before: usize,
}

impl Ledger {
    /// A frame is done; `sets_up` tells that memory was taken for something else meanwhile: a source that was found again,
    /// settings that were changed.
    pub(super) fn add(&mut self, sets_up: bool) {
        let now = requests();
        self.frames += 1;
        match self.warm {
            Some(_) if !sets_up => {
                self.requests += now - self.before;
                self.counted += 1;
            }
            None if self.frames >= WARM => {
                self.warm = Some((now, Process::read(&Root::system()).anonymous_bytes));
            }
            _ => {}
        }
        self.before = requests();
    }

    /// All in all.
    pub(super) fn summary(&self, meters: &Meters) -> Summary {
        let memory = Process::read(&Root::system());
        Summary {
            frames: meters.frames,
            dropped: meters.losses.dropped,
            passed_over: meters.passed_over,
            reconnects: meters.losses.reconnects,
            events: meters.said(),
            fps: meters.rate,
            age_p50_ms: meters.age_ms().map(|[p50, _]| p50),
            age_p99_ms: meters.age_ms().map(|[_, p99]| p99),
            warm_frames: self.counted,
            allocations: self.requests,
            allocations_per_frame: self.requests as f64 / self.counted.max(1) as f64,
            warm_own_bytes: self.warm.and_then(|(_, own)| own),
            own_bytes: memory.anonymous_bytes,
            rss_bytes: memory.rss_bytes,
            peak_rss_bytes: memory.peak_rss_bytes,
        }
    }
}

/// A run in numbers.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    frames: u64,
    dropped: u64,
    passed_over: u64,
    reconnects: u64,
    events: u64,
    fps: f64,
    age_p50_ms: Option<f64>,
    age_p99_ms: Option<f64>,
    /// Frames after the first hundred, without those in which something was set up.
    warm_frames: u64,
    /// Allocations of all threads during these.
    allocations: usize,
    allocations_per_frame: f64,
    /// Memory of its own (heap and stacks, not files and not the camera's) after the first hundred frames, and at the end.
    warm_own_bytes: Option<u64>,
    own_bytes: Option<u64>,
    rss_bytes: Option<u64>,
    peak_rss_bytes: Option<u64>,
}

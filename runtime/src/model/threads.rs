//! How many threads a network is run on where somebody asks for a number of them.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use retort_threads::MAX_THREADS;

/// As many as asked for, 0 being as many as there are cores, but no more than there are: with more, threads would wait for each
/// other to be given one.
pub fn usable_threads(asked: usize) -> NonZeroUsize {
    capped(asked, available_parallelism().unwrap_or(NonZeroUsize::MIN))
}

fn capped(asked: usize, cores: NonZeroUsize) -> NonZeroUsize {
    let most = cores.get().min(MAX_THREADS);
    NonZeroUsize::new(asked.min(most)).or(NonZeroUsize::new(most)).unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_threads_than_cores() {
        let capped = |asked, cores| capped(asked, NonZeroUsize::new(cores).expect("not 0")).get();
        assert_eq!(capped(1, 4), 1);
        assert_eq!(capped(3, 4), 3);
        assert_eq!(capped(usize::MAX, 4), 4);
        assert_eq!(capped(0, 4), 4);
        assert_eq!(capped(0, 1000), MAX_THREADS);
    }
}

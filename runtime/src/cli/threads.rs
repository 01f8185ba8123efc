//! `--threads`, of every command that runs a network.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use clap::Args;

use crate::model::MAX_THREADS;

/// How many threads are to run the network.
#[derive(Clone, Copy, Debug, Args)]
pub struct Threads {
    /// Threads that run the network; 0 for as many as this machine has cores. The results are the same with any number.
    /// While other processes hold the cores, fewer are used.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub threads: usize,
}

impl Threads {
    /// That many, but no more than there are cores: with more, threads would wait for each other to be given one. A line
    /// on standard error says so.
    pub fn count(&self) -> NonZeroUsize {
        let cores = available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let count = capped(self.threads, cores);
        if count.get() < self.threads {
            eprintln!("note: --threads {}: this process may use {cores} core(s), so it runs on {count}", self.threads);
        }
        count
    }
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

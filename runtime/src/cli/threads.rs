//! `--threads`, of every command that runs a network.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use clap::Args;

use crate::model::usable_threads;

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
        let count = usable_threads(self.threads);
        if count.get() < self.threads {
            let cores = available_parallelism().unwrap_or(NonZeroUsize::MIN);
            eprintln!("note: --threads {}: this process may use {cores} core(s), so it runs on {count}", self.threads);
        }
        count
    }
}

//! The `retort` command.

use std::process::ExitCode;

use retort_alloc_count::CountingAllocator;

/// `retort bench` reports how often a run asks for memory.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() -> ExitCode {
    retort::cli::main()
}

//! Calls into other people's code, its panics turned into errors: models and cameras are input, and no input may stop the
//! process.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// What errors say where a mistake of this library was caught, so that tests can look for it.
pub const MISTAKE: &str = "met a mistake in retort";

/// What is said of a picture over which its decoder panicked.
pub const STUMBLED: &str = "is damaged, so that its decoder stumbles";

/// Runs a call; `None` where it panicked.
pub fn guarded<T>(call: impl FnOnce() -> T) -> Option<T> {
    let outer = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(outer);
    result.ok()
}

/// Keeps guarded panics from being printed, for programs: they show up as the errors they become.
pub fn silence_guarded_panics() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !GUARDED.get() {
            default(info);
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught_and_a_result_handed_on() {
        assert_eq!(guarded::<()>(|| panic!("deep inside")), None);
        assert_eq!(guarded(|| guarded(|| 1)), Some(Some(1)));
    }
}

//! Calls into tract, its panics turned into errors: models are input, and no input may stop the process.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tract_onnx::prelude::TractResult;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a call; an error or a panic becomes the text of what went wrong.
pub fn guarded<T>(call: impl FnOnce() -> TractResult<T>) -> Result<T, String> {
    GUARDED.set(true);
    let result = catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(false);
    match result {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.root_cause().to_string()),
        Err(_) => Err("it panicked".into()),
    }
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
    fn a_panic_becomes_an_error() {
        assert_eq!(guarded::<()>(|| panic!("deep inside")), Err("it panicked".into()));
        assert_eq!(guarded(|| Ok(1)), Ok(1));
    }
}

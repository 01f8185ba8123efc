//! Calls into tract, its panics turned into errors: models are input, and no input may stop the process.

use tract_onnx::prelude::TractResult;

use super::Refusal;

/// Runs a call; an error or a panic becomes the text of what went wrong.
pub fn guarded<T>(call: impl FnOnce() -> TractResult<T>) -> Result<T, String> {
    match crate::guard::guarded(call) {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(error.root_cause().to_string()),
        None => Err("it panicked".into()),
    }
}

/// Runs an importer. That one panics is a mistake in it, but no reason to end the process.
pub(super) fn caught<T>(call: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    crate::guard::guarded(call).unwrap_or_else(|| {
        Err(Refusal::Invalid(format!("{}; please report it, with the model", crate::guard::MISTAKE)))
    })
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

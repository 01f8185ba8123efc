//! Stands in for fallback steps in a build without tract: there are none.

use retort_core::session::{External, ExternalError};

use super::FallbackInfo;

/// A fallback step that cannot exist.
pub(super) struct Step {
    pub info: FallbackInfo,
}

/// No fallback steps.
pub(super) struct Fallbacks<'a> {
    pub steps: &'a [Step],
    pub failure: Option<String>,
}

impl External for Fallbacks<'_> {
    fn call(&mut self, index: u32, _arena: &mut [u8]) -> Result<(), ExternalError> {
        self.failure = self.steps.get(index as usize).map(|step| format!("fallback step {}", step.info.name));
        Err(ExternalError)
    }
}

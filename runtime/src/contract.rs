//! The contract between a model and whoever runs it.

/// Placeholder.
pub struct Contract {}

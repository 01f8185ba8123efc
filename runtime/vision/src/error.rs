//! What may be wrong with a contract, or with the pixels of a frame.

/// A contract is wrong, or does not fit its model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("contract: {key}: {problem}")]
pub struct ContractError {
    /// The key at fault, or the line of a text that could not be read.
    pub key: String,
    /// What is wrong with it, and the remedy.
    pub problem: String,
}

/// The pixels of a frame do not fit what is said about them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("frame: {problem}")]
pub struct FrameError {
    /// What does not fit.
    pub problem: String,
}

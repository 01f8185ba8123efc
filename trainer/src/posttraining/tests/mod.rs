//! Small models, taken through all that is done to a model: what is only rewritten must compute the same, and what is rounded must be
//! close.

pub(crate) mod models;
mod rewriting;
mod rounded;

//! What hostile input is given to: one function a kind of input, which takes any bytes at all.
//!
//! A function may neither panic nor run for ever nor take much memory, whatever the bytes are, and where it is refused, the
//! error must name the file. libFuzzer calls these functions (`tests/fuzz`), and so does an ordinary test (`tests/fuzz.rs`), with
//! the corpora that lie in `tests/fuzz/corpus` and changes of them.

mod corpora;
mod labels;
mod models;
mod mutate;
mod pictures;
mod text;

use std::path::PathBuf;

use retort::guard::MISTAKE;

pub use corpora::make as make_corpora;
pub use labels::labels;
pub use models::{onnx_import, plan_check};
pub use mutate::Mutations;
pub use pictures::picture;
pub use text::{contract, recipe, service};

/// A function that takes any bytes.
pub struct Target {
    /// What it is called in `tests/fuzz`.
    pub name: &'static str,
    /// The function.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 7] = [
    Target { name: "onnx_import", run: onnx_import },
    Target { name: "plan_check", run: plan_check },
    Target { name: "picture", run: picture },
    Target { name: "labels", run: labels },
    Target { name: "recipe", run: recipe },
    Target { name: "contract", run: contract },
    Target { name: "service", run: service },
];

/// The folder of a target's corpus.
pub fn corpus(target: &str) -> PathBuf {
    crate::data::repository().join("tests").join("fuzz").join("corpus").join(target)
}

/// Requires of an error about `input` that it names what is wrong, in one line, and is no mistake of Retort's own.
fn told(error: &dyn std::fmt::Display, name: &str, input: &[u8]) {
    let text = error.to_string();
    assert!(text.contains(name), "does not name `{name}`: {text}");
    assert!(!is_mistake(&text, input), "{text}");
}

/// Whether an error about `input` is a caught panic. One that quotes the input may have these words from there: a fuzzer sees
/// what bytes are compared with, and tries it.
fn is_mistake(error: &str, input: &[u8]) -> bool {
    error.contains(MISTAKE) && !input.windows(MISTAKE.len()).any(|words| words == MISTAKE.as_bytes())
}

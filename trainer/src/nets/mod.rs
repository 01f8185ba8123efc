//! The detectors: one description of their wiring, walked by whoever trains, runs, calibrates or exports them.

mod architecture;
mod float;
mod folded;
mod maps;
mod training;
mod weights;

pub use architecture::{Architecture, Kind, Layer, Level, STRIDES, Wire};
pub use float::{FloatPass, predict, run};
pub use folded::{Folded, FoldedLayer};
pub use maps::{Maps, cells, decode};
pub use training::{Gradients, TrainingPass};
pub use weights::{EPSILON, Moments, Parameter, Role, Weights};

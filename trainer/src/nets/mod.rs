//! The networks: one description, walked by whoever trains, runs, calibrates or exports them.

mod architecture;
mod builder;
mod embedding;
mod float;
mod folded;
mod heads;
mod maps;
mod narrow;
mod network;
mod training;
mod weights;

pub use architecture::{Architecture, Block, Family};
pub use builder::{Builder, ShapeError};
pub use embedding::{EMBEDDING, channel_means, embedding};
pub use float::{FloatPass, predict, run};
pub use folded::{Folded, FoldedLayer};
pub use heads::{FixedHeads, changeovers};
pub use maps::{Answer, cells, decode, split};
pub use network::{Activation, Bias, Convolution, Head, Level, Network, Node, Op, Shape, Wire};
pub(crate) use training::sums;
pub use training::{Gradients, TrainingPass};
pub use weights::{EPSILON, Moments, Parameter, Role, Weights};

/// Small networks for tests.
#[cfg(test)]
pub(crate) mod examples {
    use super::{Architecture, Family, Network, Shape};

    /// A detector of square pictures with one block a stage.
    pub fn detector(side: usize, classes: usize) -> Network {
        let a = Architecture { widths: vec![8; 5], depths: vec![0; 4], neck: 8, ..Architecture::default() };
        a.build(Shape { height: side, width: side, channels: 3 }, classes).expect("it fits")
    }

    /// A perceptron of one hidden layer over grey pictures of 4×4.
    pub fn perceptron(classes: usize) -> Network {
        let a = Architecture { family: Family::Perceptron, widths: vec![16], ..Architecture::default() };
        a.build(Shape { height: 4, width: 4, channels: 1 }, classes).expect("it fits")
    }
}

//! Changes of pictures that their labels follow.

mod turn;

pub use turn::Turn;

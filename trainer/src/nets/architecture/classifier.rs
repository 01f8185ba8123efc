//! Classifiers: a chain, the mean over what is left of the map, and the logits.

use super::Architecture;
use super::blocks::{answer, chain};
use crate::nets::builder::{Builder, ShapeError};
use crate::nets::network::{Head, Network, Op, Shape};

pub(super) fn build(a: &Architecture, picture: Shape, classes: usize) -> Result<Network, ShapeError> {
    if !matches!(a.stem, 1 | 2) {
        return Err(ShapeError { name: "stem".into(), reason: "its stride is 1 or 2".into() });
    }
    let mut builder = Builder::new(picture);
    let mut x = chain(a, &mut builder, a.stem)?.pop().unwrap_or(0);
    x = builder.add("mean", Op::GlobalAverage, &[x])?;
    if a.dropout > 0.0 {
        x = builder.add("dropout", Op::Dropout(a.dropout), &[x])?;
    }
    let logits = answer(&mut builder, "head.logits".into(), classes, x)?;
    Ok(builder.finish(Head::Classes { logits, classes }))
}

#[cfg(test)]
mod tests {
    use super::super::{Block, Family};
    use super::*;

    #[test]
    fn every_block_makes_a_chain() {
        let picture = Shape { height: 28, width: 28, channels: 1 };
        let base = Architecture {
            family: Family::Classifier,
            widths: vec![8, 16, 24],
            depths: vec![1, 0],
            stem: 1,
            residual: true,
            ..Architecture::default()
        };
        for (block, convolutions) in
            [(Block::Separable, 1 + 3 * 2 + 1), (Block::Dense, 1 + 3 + 1), (Block::Branched, 5)]
        {
            let network = Architecture { block, ..base.clone() }.build(picture, 10).expect("it fits");
            assert_eq!(network.convolutions().count(), convolutions);
            let mean = network.node("mean").expect("there is one");
            assert_eq!(network.nodes[mean.inputs[0]].shape, Shape { height: 7, width: 7, channels: 24 });
            assert!(network.node("stage1.1.sum").is_some(), "the second block keeps size and channels");
        }
        let missing = Architecture { depths: vec![1], ..base };
        assert!(missing.build(picture, 10).expect_err("one depth too few").to_string().contains("depths"));
    }
}

//! Detectors: a chain, two merges that carry coarse features back to strides 16 and 8, and heads without anchors.
//!
//! The heads say for each cell which classes are there and how far the box's sides are, as in FCOS (Tian et al. 2019), with
//! outputs split by level and by branch, so that boxes and scores never share a quantisation scale.

use super::Architecture;
use super::blocks::{answer, block, chain, convolution};
use crate::nets::builder::{Builder, ShapeError};
use crate::nets::network::{Head, Level, Network, Op, Shape};

pub(super) fn build(a: &Architecture, picture: Shape, classes: usize) -> Result<Network, ShapeError> {
    let refuse = |reason: &str| Err(ShapeError { name: "picture".into(), reason: reason.into() });
    if !picture.height.is_multiple_of(32) || !picture.width.is_multiple_of(32) || picture.is_empty() {
        return refuse("a detector's sides are multiples of 32 pixels");
    }
    if a.widths.len() != 5 {
        return refuse("a detector has five widths, for strides 2, 4, 8, 16 and 32");
    }
    let mut builder = Builder::new(picture);
    let maps = chain(a, &mut builder, 2)?;
    let neck = if a.even_heads { a.neck } else { a.scaled(a.neck) };
    let lateral = |builder: &mut Builder, stage: usize| {
        let conv = convolution(a, 1, 1, builder.shape(maps[stage]).channels, neck);
        builder.add(format!("neck.lateral{stage}"), Op::Convolve(conv), &[maps[stage]])
    };
    let coarse = lateral(&mut builder, 4)?;
    let middle = lateral(&mut builder, 3)?;
    let merged = builder.add("neck.merge16", Op::Merge, &[middle, coarse])?;
    let plain = Architecture { residual: false, ..a.clone() };
    let level16 = block(&plain, &mut builder, "neck.level16", neck, 1, merged)?;
    let fine = lateral(&mut builder, 2)?;
    let merged = builder.add("neck.merge8", Op::Merge, &[fine, level16])?;
    let level8 = block(&plain, &mut builder, "neck.level8", neck, 1, merged)?;
    let bins = if a.reg_max == 0 { 0 } else { a.reg_max + 1 };
    let mut levels = Vec::new();
    for (stride, mut x) in [(8, level8), (16, level16)] {
        for index in 0..a.head {
            x = block(a, &mut builder, &format!("head{stride}.{index}"), neck, 1, x)?;
        }
        levels.push(Level {
            stride,
            classes: answer(&mut builder, format!("head{stride}.classes"), classes, x)?,
            boxes: answer(&mut builder, format!("head{stride}.boxes"), 4 * bins.max(1), x)?,
        });
    }
    Ok(builder.finish(Head::Boxes { levels, bins, classes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny(depths: [usize; 4], head: usize) -> Network {
        let architecture = Architecture {
            widths: vec![8, 8, 16, 16, 16],
            depths: depths.to_vec(),
            neck: 16,
            head,
            ..Architecture::default()
        };
        architecture.build(Shape { height: 64, width: 64, channels: 3 }, 3).expect("it fits")
    }

    #[test]
    fn levels_lie_at_strides_8_and_16() {
        let network = tiny([0, 1, 0, 0], 1);
        // stem, five blocks, three laterals, two merged levels and two heads of a block each, four outputs
        assert_eq!(network.convolutions().count(), 1 + 5 * 2 + 3 + 2 * 2 + 2 * 2 + 4);
        assert_eq!(network.points(), 8 * 8 + 4 * 4);
        let sides: Vec<usize> = network.levels().iter().map(|level| network.nodes[level.boxes].shape.width).collect();
        assert_eq!(sides, [8, 4]);
    }

    #[test]
    fn macs_count_every_layer_at_its_size() {
        let stem = 32 * 32 * 27 * 8;
        let stages =
            16 * 16 * (9 * 8 + 8 * 8) + 8 * 8 * (9 * 8 + 8 * 16) + 4 * 4 * (9 + 16) * 16 + 2 * 2 * (9 + 16) * 16;
        let neck = (2 * 2 + 4 * 4 + 8 * 8) * 16 * 16 + (4 * 4 + 8 * 8) * (9 + 16) * 16;
        let outputs = (4 * 4 + 8 * 8) * 16 * (3 + 4);
        assert_eq!(tiny([0; 4], 0).macs(), stem + stages + neck + outputs);
    }

    #[test]
    fn pictures_that_cannot_be_halved_five_times_are_refused() {
        let picture = Shape { height: 48, width: 64, channels: 3 };
        let error = Architecture::default().build(picture, 1).expect_err("48 is no multiple of 32");
        assert!(error.to_string().contains("multiples of 32"), "{error}");
        let wide = Shape { height: 64, width: 96, channels: 3 };
        assert_eq!(Architecture::default().build(wide, 1).expect("not square").points(), 8 * 12 + 4 * 6);
    }
}

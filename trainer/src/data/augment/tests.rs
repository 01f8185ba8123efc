//! The whole of augmentation: what it promises whatever is switched on.

use std::sync::Arc;

use proptest::prelude::*;
use retort::contract::{Align, Resize};

use super::*;
use crate::data::rng::Rng;
use crate::data::sample::Label;

/// Dark pictures of different sizes, each with two bright objects of two classes.
fn pictures(channels: usize) -> Vec<Arc<Sample>> {
    let boxes = [Label::new(0, [6.0, 5.0, 22.0, 20.0]), Label::new(1, [30.0, 18.0, 44.0, 34.0])];
    let picture = |(width, height): (usize, usize)| {
        let inside = |x: usize, y: usize, [left, top, right, bottom]: [f32; 4]| {
            (left..right).contains(&(x as f32 + 0.5)) && (top..bottom).contains(&(y as f32 + 0.5))
        };
        let value = |i: usize| match boxes.iter().position(|label| inside(i % width, i / width, label.bounds)) {
            Some(class) => 200 + 40 * class as u8,
            None => 20,
        };
        let pixels = (0..width * height).flat_map(|i| std::iter::repeat_n(value(i), channels)).collect();
        Arc::new(Sample { channels, boxes: boxes.to_vec(), class: Some(3), ..Sample::rgb(width, height, pixels) })
    };
    [(48, 36), (60, 40), (48, 48), (50, 36)].map(picture).to_vec()
}

fn everything() -> Augmentation {
    Augmentation {
        flip: 0.5,
        flip_vertical: 0.3,
        turn: 0.5,
        scale: [0.6, 1.6],
        aspect: 1.2,
        rotate: 10.0,
        translate: 0.2,
        jitter: 3,
        crop: 0.3,
        hue: 0.1,
        saturation: 0.5,
        value: 0.3,
        brightness: 0.3,
        contrast: 0.3,
        channels: 0.1,
        grey: 0.1,
        blur: 0.3,
        noise: 5.0,
        jpeg: 0.2,
        mosaic: 0.3,
        mixup: 0.3,
        cutout: 0.3,
        paste: 0.3,
        ..Augmentation::default()
    }
}

const LETTERBOX: Resize = Resize::Letterbox { pad: 114, align: Align::Centre };

#[test]
fn without_a_change_it_is_what_the_runtime_makes() {
    for (source, channels) in [(1, 1), (1, 3), (3, 1), (3, 3)] {
        let pictures = pictures(source);
        for resize in [LETTERBOX, Resize::Stretch] {
            let target = Target { width: 40, height: 32, channels, resize };
            let drawn = Augmentation::default().apply(&pictures, 1, &target, &mut Rng::new(&[1])).expect("drawn");
            assert_eq!(drawn, target.fit(&pictures[1]).expect("fitted"));
        }
    }
}

#[test]
fn jitter_moves_by_whole_pixels() {
    let pictures = pictures(1);
    let target = Target { width: 48, height: 36, channels: 1, resize: Resize::Stretch };
    let settings = Augmentation { jitter: 2, fill: 0, ..Augmentation::default() };
    let mut shifts = std::collections::HashSet::new();
    for seed in 0..200 {
        let drawn = settings.apply(&pictures, 0, &target, &mut Rng::new(&[seed])).expect("drawn");
        let first = drawn.boxes[0].bounds;
        let (dx, dy) = (first[0] - 6.0, first[1] - 5.0);
        shifts.insert((dx as i32, dy as i32));
        assert_eq!((dx.fract(), dy.fract(), dx.abs() <= 2.0, dy.abs() <= 2.0), (0.0, 0.0, true, true));
        for y in 6..30usize {
            for x in 6..40usize {
                let from = (y as i32 - dy as i32) as usize * 48 + (x as i32 - dx as i32) as usize;
                assert_eq!(drawn.pixels[y * 48 + x], pictures[0].pixels[from]);
            }
        }
    }
    assert_eq!(shifts.len(), 25);
}

#[test]
fn it_depends_on_the_generator_alone() {
    let pictures = pictures(3);
    let target = Target { width: 32, height: 32, channels: 3, resize: LETTERBOX };
    let draw = |seed: u64| everything().apply(&pictures, 2, &target, &mut Rng::new(&[seed, 0, 2])).expect("drawn");
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
}

proptest! {
    /// Whatever is drawn: the size is right, and boxes lie in the picture, are not too small, and have area.
    #[test]
    fn what_comes_is_as_wanted(seed in any::<u64>(), index in 0usize..4, side in [8usize..60, 8usize..60], grey in any::<bool>()) {
        let channels = if grey { 1 } else { 3 };
        let pictures = pictures(3);
        let target = Target { width: side[0], height: side[1], channels, resize: LETTERBOX };
        let drawn = everything().apply(&pictures, index, &target, &mut Rng::new(&[seed])).expect("drawn");
        prop_assert_eq!((drawn.width, drawn.height, drawn.channels), (side[0], side[1], channels));
        prop_assert_eq!(drawn.pixels.len(), side[0] * side[1] * channels);
        for label in &drawn.boxes {
            let [left, top, right, bottom] = label.bounds;
            prop_assert!(left >= 0.0 && top >= 0.0 && right <= side[0] as f32 && bottom <= side[1] as f32);
            prop_assert!(label.width() >= 2.0 && label.height() >= 2.0 && label.class < 2);
        }
    }

    /// Of what is only moved, a box's middle has the colour of its class, unless another lies over it.
    #[test]
    fn boxes_are_where_their_objects_are(seed in any::<u64>(), index in 0usize..4) {
        let pictures = pictures(1);
        let target = Target { width: 64, height: 64, channels: 1, resize: LETTERBOX };
        let settings = Augmentation {
            flip: 0.5, flip_vertical: 0.5, turn: 0.5, scale: [0.8, 2.0], aspect: 1.3, translate: 0.3, crop: 0.5, mosaic: 0.3,
            visible: 0.6, ..Augmentation::default()
        };
        let drawn = settings.apply(&pictures, index, &target, &mut Rng::new(&[seed])).expect("drawn");
        for label in &drawn.boxes {
            let [left, top, right, bottom] = label.bounds;
            let middle = ((top + bottom) / 2.0) as usize * 64 + ((left + right) / 2.0) as usize;
            let value = drawn.pixels[middle];
            prop_assert!(value.abs_diff(200 + 40 * label.class as u8) <= 12, "{:?} {}", label, value);
        }
    }
}

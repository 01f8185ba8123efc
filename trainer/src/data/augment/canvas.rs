//! What is drawn on, and the size and shape that a network wants.

use retort::contract::{Colour, ImageSpec, Interpolation, Resize};
use retort::tensor::{ElementType, Port, TensorMut};
use retort::vision::geometry::{Mapping, Rect};
use retort::vision::preprocess::Preprocessor;

use crate::data::error::DataError;
use crate::data::sample::{Label, Sample};

/// Pixels being drawn: as those of a [`Sample`].
pub(super) struct Canvas {
    pub width: usize,
    pub height: usize,
    pub channels: usize,
    pub pixels: Vec<u8>,
}

impl Canvas {
    /// A canvas of one grey.
    pub fn new(width: usize, height: usize, channels: usize, fill: u8) -> Canvas {
        Canvas { width, height, channels, pixels: vec![fill; width * height * channels] }
    }

    /// The picture that was drawn.
    pub fn finish(self, boxes: Vec<Label>, class: Option<usize>) -> Sample {
        let Canvas { width, height, channels, pixels } = self;
        Sample { width, height, channels, pixels, boxes, class, mixed: None }
    }
}

/// What a network wants of a picture: as its contract will say it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// 1, luma; or 3, red, green and blue.
    pub channels: usize,
    /// How a picture of another shape is brought to size.
    pub resize: Resize,
}

impl Target {
    /// Where a picture comes to lie.
    pub(super) fn mapping(&self, sample: &Sample) -> Mapping {
        Mapping::new(self.resize, [sample.width, sample.height], [self.width, self.height])
    }

    /// The grey of what no picture covers: the letterbox's, if there is one.
    pub(super) fn border(&self, otherwise: u8) -> u8 {
        if let Resize::Letterbox { pad, .. } = self.resize { pad } else { otherwise }
    }

    /// The picture as the runtime will give it to the network, by the runtime's own preprocessing, with its boxes.
    ///
    /// # Errors
    /// [`DataError::Picture`] where the sample's bytes are not as many as its size says.
    pub fn fit(&self, sample: &Sample) -> Result<Sample, DataError> {
        let refuse = |problem: String| DataError::Picture { name: "a picture".into(), problem };
        let spec = ImageSpec {
            input: None,
            colour: if self.channels == 1 { Colour::Grey } else { Colour::Rgb },
            mean: vec![0.0; self.channels],
            std: vec![1.0; self.channels],
            resize: self.resize,
            interpolation: Interpolation::Linear,
        };
        let port = Port {
            name: "image".into(),
            element: ElementType::U8,
            shape: vec![1, self.channels, self.height, self.width],
            order: vec![0, 2, 3, 1],
            quantisation: None,
        };
        let frame = sample.frame();
        let frame = frame.map_err(|wrong| refuse(wrong.to_string()))?;
        let mut pixels = vec![0; self.width * self.height * self.channels];
        let mut preprocessor = Preprocessor::new(&spec, &port).map_err(|wrong| refuse(wrong.to_string()))?;
        let mapping =
            preprocessor.fill(&frame, TensorMut::U8(&mut pixels)).map_err(|wrong| refuse(wrong.to_string()))?;
        let moved = |label: &Label| {
            let [left, top, right, bottom] = label.bounds;
            let rect = mapping.to_input(&Rect { left, top, right, bottom });
            let moved = Label { bounds: [rect.left, rect.top, rect.right, rect.bottom], ..*label };
            moved.clipped(self.width, self.height)
        };
        let boxes = sample.boxes.iter().map(moved).filter(|label| label.area() > 0.0).collect();
        let (width, height, channels) = (self.width, self.height, self.channels);
        Ok(Sample { width, height, channels, pixels, boxes, class: sample.class, mixed: sample.mixed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::augment::affine::{Affine, draw};
    use proptest::prelude::*;
    use retort::contract::Align;

    fn noise(width: usize, height: usize, channels: usize) -> Sample {
        let pixels = (0..width * height * channels).map(|i| (i * 37 + i * i % 101) as u8).collect();
        Sample { channels, boxes: vec![Label::new(0, [1.0, 1.0, 3.0, 2.0])], ..Sample::rgb(width, height, pixels) }
    }

    proptest! {
        /// Drawing through the map of the preprocessing gives the bytes of the preprocessing.
        #[test]
        fn drawing_agrees_with_the_runtime(
            source in [2usize..70, 2usize..70],
            target in [2usize..40, 2usize..40],
            channels in [prop_oneof![Just(1usize), Just(3)], prop_oneof![Just(1usize), Just(3)]],
            letterbox in any::<bool>(),
        ) {
            let sample = noise(source[0], source[1], channels[0]);
            let letterboxed = Resize::Letterbox { pad: 114, align: Align::Centre };
            let resize = if letterbox { letterboxed } else { Resize::Stretch };
            let target = Target { width: target[0], height: target[1], channels: channels[1], resize };
            let fitted = target.fit(&sample).expect("it fits");
            let mapping = target.mapping(&sample);
            let map = Affine::axes(mapping.scale.map(f64::from), mapping.offset.map(f64::from));
            let mut canvas = Canvas::new(target.width, target.height, target.channels, 114);
            draw(&sample, &map, &mut canvas, [0, 0, target.width, target.height]);
            let most = canvas.pixels.iter().zip(&fitted.pixels).map(|(a, b)| a.abs_diff(*b)).max();
            prop_assert!(most <= Some(1), "{:?}", most);
            let moved = map.label(sample.boxes[0], [0, 0, target.width, target.height], 0.0, 0.0);
            for (a, b) in moved.expect("all shows").bounds.iter().zip(fitted.boxes[0].bounds) {
                prop_assert!((a - b).abs() < 1e-3);
            }
        }
    }
}

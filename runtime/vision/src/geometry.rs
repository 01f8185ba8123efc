//! Boxes, and the way from a source's pixels to the input's and back.

use crate::contract::{Align, Resize};

/// A box: its sides in pixels, the first pixel's left edge being 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub left: f32,
    /// Top edge.
    pub top: f32,
    /// Right edge.
    pub right: f32,
    /// Bottom edge.
    pub bottom: f32,
}

impl Rect {
    /// The box of a centre and a size.
    pub fn around(x: f32, y: f32, width: f32, height: f32) -> Rect {
        let (half_width, half_height) = (0.5 * width, 0.5 * height);
        Rect { left: x - half_width, top: y - half_height, right: x + half_width, bottom: y + half_height }
    }

    /// Right minus left; negative where the sides are swapped.
    pub fn width(&self) -> f32 {
        self.right - self.left
    }

    /// Bottom minus top; negative where the sides are swapped.
    pub fn height(&self) -> f32 {
        self.bottom - self.top
    }

    /// Width times height, 0 where either is negative.
    pub fn area(&self) -> f32 {
        self.width().max(0.0) * self.height().max(0.0)
    }

    /// Whether all sides are finite.
    pub fn is_finite(&self) -> bool {
        self.left.is_finite() && self.top.is_finite() && self.right.is_finite() && self.bottom.is_finite()
    }

    /// The area that both cover.
    fn common(&self, other: &Rect) -> f32 {
        let common = Rect {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        };
        common.area()
    }

    /// The share of its area that lies in another box, 0 to 1; 0 where it is empty.
    pub fn share_in(&self, other: &Rect) -> f32 {
        let area = self.area();
        if area > 0.0 { self.common(other) / area } else { 0.0 }
    }

    /// The area of the intersection over that of the union, 0 to 1; 0 where both are empty.
    pub fn iou(&self, other: &Rect) -> f32 {
        let common = self.common(other);
        let union = self.area() + other.area() - common;
        if union > 0.0 { common / union } else { 0.0 }
    }
}

/// Where a source picture lies in the input: `input = source · scale + offset` on each axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mapping {
    /// Input pixels a source pixel.
    pub scale: [f32; 2],
    /// Where the source's left and top edges come to lie; negative where they are cropped off.
    pub offset: [f32; 2],
    /// The part of the input that shows the source: left, top, width, height in whole pixels.
    pub shown: [usize; 4],
    source: [f32; 2],
}

impl Mapping {
    /// Places a source of `width` × `height` in an input. A letterboxed side is rounded to whole pixels, so that the
    /// two axes' scales differ a little; each is exact for its axis.
    pub fn new(resize: Resize, source: [usize; 2], input: [usize; 2]) -> Mapping {
        let [source_width, source_height] = source.map(|side| side as f64);
        let [input_width, input_height] = input.map(|side| side as f64);
        let (scale, offset, shown) = match resize {
            Resize::Stretch => {
                let scale = [input_width / source_width, input_height / source_height];
                (scale, [0.0; 2], [0, 0, input[0], input[1]])
            }
            Resize::Letterbox { align, .. } => {
                let scale = (input_width / source_width).min(input_height / source_height);
                let side = |source: f64, input: usize| ((source * scale).round() as usize).clamp(1, input);
                let (width, height) = (side(source_width, input[0]), side(source_height, input[1]));
                let (left, top) = match align {
                    Align::Centre => ((input[0] - width) / 2, (input[1] - height) / 2),
                    Align::TopLeft => (0, 0),
                };
                let scale = [width as f64 / source_width, height as f64 / source_height];
                (scale, [left as f64, top as f64], [left, top, width, height])
            }
            Resize::CentreCrop { crop } => {
                let scale = (input_width / source_width).max(input_height / source_height) / f64::from(crop);
                let offset = [0.5 * (input_width - source_width * scale), 0.5 * (input_height - source_height * scale)];
                ([scale; 2], offset, [0, 0, input[0], input[1]])
            }
        };
        Mapping {
            scale: scale.map(|scale| scale as f32),
            offset: offset.map(|offset| offset as f32),
            shown,
            source: [source_width as f32, source_height as f32],
        }
    }

    /// Whether each source pixel is one input pixel.
    pub fn is_exact(&self) -> bool {
        let [left, top, width, height] = self.shown;
        [width, height].map(|side| side as f32) == self.source
            && self.scale == [1.0; 2]
            && self.offset == [left, top].map(|edge| edge as f32)
    }

    /// A box of the input in the source's pixels, cut to the picture.
    pub fn to_source(&self, rect: &Rect) -> Rect {
        let axis =
            |value: f32, axis: usize| ((value - self.offset[axis]) / self.scale[axis]).clamp(0.0, self.source[axis]);
        Rect {
            left: axis(rect.left, 0),
            top: axis(rect.top, 1),
            right: axis(rect.right, 0),
            bottom: axis(rect.bottom, 1),
        }
    }

    /// A box of the source in the input's pixels.
    pub fn to_input(&self, rect: &Rect) -> Rect {
        let axis = |value: f32, axis: usize| value * self.scale[axis] + self.offset[axis];
        Rect {
            left: axis(rect.left, 0),
            top: axis(rect.top, 1),
            right: axis(rect.right, 0),
            bottom: axis(rect.bottom, 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_wide_picture_is_letterboxed_into_the_middle() {
        let resize = Resize::Letterbox { pad: 0, align: Align::Centre };
        let mapping = Mapping::new(resize, [640, 480], [320, 320]);
        assert_eq!(mapping.shown, [0, 40, 320, 240]);
        assert_eq!((mapping.scale, mapping.offset), ([0.5, 0.5], [0.0, 40.0]));
        let rect = mapping.to_source(&Rect { left: -5.0, top: 50.0, right: 100.0, bottom: 400.0 });
        assert_eq!(rect, Rect { left: 0.0, top: 20.0, right: 200.0, bottom: 480.0 });
    }

    #[test]
    fn a_centre_crop_of_seven_eighths_shows_the_middle() {
        // Shorter side 100 to 256, then the middle 224: the input shows 87.5 source pixels.
        let mapping = Mapping::new(Resize::CentreCrop { crop: 0.875 }, [200, 100], [224, 224]);
        let seen = mapping.to_source(&Rect { left: 0.0, top: 0.0, right: 224.0, bottom: 224.0 });
        assert_eq!(seen, Rect { left: 56.25, top: 6.25, right: 143.75, bottom: 93.75 });
    }

    #[test]
    fn iou_of_known_boxes() {
        let one = Rect { left: 0.0, top: 0.0, right: 2.0, bottom: 2.0 };
        assert_eq!(one.iou(&one), 1.0);
        assert_eq!(one.iou(&Rect { left: 1.0, top: 0.0, right: 3.0, bottom: 2.0 }), 1.0 / 3.0);
        assert_eq!(one.iou(&Rect { left: 2.0, top: 0.0, right: 3.0, bottom: 2.0 }), 0.0);
        assert_eq!(Rect::default().iou(&Rect::default()), 0.0);
    }

    fn any_resize() -> impl Strategy<Value = Resize> {
        let align = prop_oneof![Just(Align::Centre), Just(Align::TopLeft)];
        prop_oneof![
            align.prop_map(|align| Resize::Letterbox { pad: 0, align }),
            Just(Resize::Stretch),
            (0.1f32..=1.0).prop_map(|crop| Resize::CentreCrop { crop }),
        ]
    }

    proptest! {
        #[test]
        fn a_box_goes_to_the_input_and_back(
            resize in any_resize(),
            source in [1usize..5000, 1usize..5000],
            input in [1usize..700, 1usize..700],
            corners in [0f32..1.0, 0f32..1.0, 0f32..1.0, 0f32..1.0],
        ) {
            let mapping = Mapping::new(resize, source, input);
            let [width, height] = source.map(|side| side as f32);
            let rect = Rect {
                left: corners[0].min(corners[2]) * width,
                top: corners[1].min(corners[3]) * height,
                right: corners[0].max(corners[2]) * width,
                bottom: corners[1].max(corners[3]) * height,
            };
            let again = mapping.to_source(&mapping.to_input(&rect));
            // An f32 has 24 bits, of which the offset of a crop may take some.
            let slack = 1e-5 * (width + height) + 1e-5 * (mapping.offset[0].abs() + mapping.offset[1].abs())
                / mapping.scale[0].min(mapping.scale[1]);
            let sides = |rect: &Rect| [rect.left, rect.top, rect.right, rect.bottom];
            for (before, after) in sides(&rect).into_iter().zip(sides(&again)) {
                prop_assert!((before - after).abs() <= slack, "{rect:?} became {again:?}");
            }
        }

        #[test]
        fn what_is_shown_lies_within_the_input(
            resize in any_resize(),
            source in [1usize..100_000, 1usize..100_000],
            input in [1usize..700, 1usize..700],
        ) {
            let [left, top, width, height] = Mapping::new(resize, source, input).shown;
            prop_assert!(width > 0 && left + width <= input[0]);
            prop_assert!(height > 0 && top + height <= input[1]);
            let fills = width == input[0] || height == input[1];
            prop_assert!(fills);
        }
    }
}

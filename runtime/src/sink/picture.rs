//! A frame copied away with what was found on it, so that somebody else can draw it in their own time.

use super::{Findings, Report};
use crate::place::Mask;
use crate::vision::convert::Converter;
use crate::vision::detection::Detection;
use crate::vision::draw::{Canvas, annotate, full_label};
use crate::vision::geometry::Rect;
use crate::vision::jpeg;

/// Pixels, boxes, and names for the boxes. Copying another frame of the size allocates nothing.
#[derive(Debug, Default)]
pub struct Picture {
    /// Rows of red, green and blue without gaps.
    pub rgb: Vec<u8>,
    /// Pixels a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// What was found, in pixels of this picture.
    pub found: Vec<Detection>,
    /// The number of the report.
    pub number: u64,
    classes: Vec<String>,
    masks: Vec<Mask>,
    converter: Converter,
    text: String,
}

impl Picture {
    /// Copies a frame, made smaller where its longer side is longer than `longest`. What a mask hides is painted over.
    pub fn copy(&mut self, report: &Report<'_>, longest: usize) {
        let frame = &report.shot.frame;
        let size = [frame.width(), frame.height()];
        let [width, height] = within(size, longest);
        (self.width, self.height, self.number) = (width, height, report.number);
        self.converter.scaled(frame, [width, height], &mut self.rgb);
        let scale = [width as f32 / size[0] as f32, height as f32 / size[1] as f32];
        self.found.clear();
        if let Findings::Detections(found) = report.findings {
            self.found.extend(found.iter().map(|found| Detection { rect: scaled(&found.rect, scale), ..*found }));
        }
        if self.classes != report.classes {
            self.classes = report.classes.to_vec();
        }
        let masks = report.scene.map_or(&[][..], |scene| &scene.places().masks);
        if self.masks != masks {
            self.masks = masks.to_vec();
        }
    }

    /// Paints over what is to be hidden, and draws boxes and labels.
    pub fn draw(&mut self) {
        self.hide();
        if let Some(mut canvas) = Canvas::new(&mut self.rgb, self.width, self.height) {
            let class = |class: u32| self.classes.get(class as usize).map_or("?", String::as_str);
            let label = |found: &Detection, text: &mut String| full_label(found, class(found.class), text);
            annotate(&mut canvas, &self.found, &mut self.text, Rect::clone, label);
        }
    }

    /// Paints over what is to be hidden.
    pub fn hide(&mut self) {
        for mask in self.masks.iter().filter(|mask| mask.hide) {
            mask.paint(&mut self.rgb, self.width, self.height);
        }
    }

    /// As JPEG of a quality of 1 to 100.
    ///
    /// # Errors
    /// That the picture has no pixels, or too many for a JPEG.
    pub fn jpeg(&self, quality: u8) -> Result<Vec<u8>, image::ImageError> {
        let mut bytes = Vec::with_capacity(self.rgb.len() / 8);
        jpeg::encode(&self.rgb, self.width, self.height, quality, &mut bytes)?;
        Ok(bytes)
    }
}

/// The size of a picture whose longer side is `longest` at most.
fn within([width, height]: [usize; 2], longest: usize) -> [usize; 2] {
    let side = width.max(height);
    if side <= longest {
        return [width, height];
    }
    // Even, as video wants it.
    let scaled = |length: usize| ((length * longest).div_ceil(side) & !1).max(2);
    [scaled(width), scaled(height)]
}

fn scaled(rect: &Rect, [across, down]: [f32; 2]) -> Rect {
    Rect { left: rect.left * across, top: rect.top * down, right: rect.right * across, bottom: rect.bottom * down }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Shot;
    use crate::vision::frame::Frame;

    #[test]
    fn a_large_frame_is_made_smaller_with_its_boxes() {
        assert_eq!(within([1920, 1080], 960), [960, 540]);
        assert_eq!(within([640, 480], 960), [640, 480]);
        assert_eq!(within([10_000, 1], 960), [960, 2]);
        let pixels = vec![200; 64 * 32 * 3];
        let rect = Rect { left: 16.0, top: 8.0, right: 48.0, bottom: 24.0 };
        let found = [Detection { class: 0, score: 0.9, rect, track: Some(2) }];
        let classes = ["person".to_string()];
        let report = Report::new(
            7,
            Shot::new("a", Frame::rgb(&pixels, 64, 32).unwrap()),
            Findings::Detections(&found),
            &classes,
        );
        let mut picture = Picture::default();
        picture.copy(&report, 32);
        assert_eq!((picture.width, picture.height, picture.number), (32, 16, 7));
        assert_eq!(picture.found[0].rect, Rect { left: 8.0, top: 4.0, right: 24.0, bottom: 12.0 });
        picture.draw();
        assert!(picture.rgb.iter().any(|&byte| byte != 200));
        let jpeg = image::load_from_memory(&picture.jpeg(90).unwrap()).unwrap();
        assert_eq!((jpeg.width(), jpeg.height()), (32, 16));
        assert!(Picture::default().jpeg(90).is_err());
    }
}

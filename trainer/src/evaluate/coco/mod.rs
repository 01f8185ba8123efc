//! Detection figures as COCO defines them, equal to pycocotools' `COCOeval` for bounding boxes.
//!
//! The way of a detection: [`matching`](self) asks, picture by picture, which object it found at each IoU threshold;
//! [`Evaluation`] lines the detections of all pictures up by score and reads precision and recall off; [`Summary`] and
//! [`ClassSummary`] average those; [`Curve`] keeps them whole; [`Redraw`] gives AP for pictures drawn again.
//!
//! All arithmetic is in `f64`, in pycocotools' order of operations, so that a box that sits on a threshold falls on the
//! same side. Nothing depends on the number of threads.

mod accumulate;
mod curve;
mod matching;
mod overlap;
mod redraw;
mod summary;

pub use accumulate::Evaluation;
pub use curve::{Curve, OperatingPoint};
pub use overlap::{overlap, overlap_with_crowd};
pub use redraw::Redraw;
pub use summary::{ClassSummary, Summary};

/// IoU thresholds, .50:.05:.95.
pub const THRESHOLDS: usize = 10;
/// Recalls at which precision is read off, 0:.01:1.
pub const RECALLS: usize = 101;
/// Detections a picture and class that count, the best first.
pub const MOST_DETECTIONS: usize = 100;

/// IoU threshold number `index`. These are the bits of pycocotools' `linspace`, not the nearest doubles to the
/// decimals.
pub fn threshold(index: usize) -> f64 {
    0.5 + index as f64 * ((0.95 - 0.5) / 9.0)
}

/// Recall number `index`, likewise.
fn recall(index: usize) -> f64 {
    index as f64 * 0.01
}

/// A range of areas in which objects are looked at apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// All objects.
    All,
    /// Up to 32² pixels.
    Small,
    /// From 32² to 96² pixels.
    Medium,
    /// From 96² pixels on.
    Large,
}

impl Size {
    /// Every range, in the order of tables.
    pub const ALL: [Size; 4] = [Size::All, Size::Small, Size::Medium, Size::Large];

    /// The least and the greatest area in square pixels, both included: an object of exactly 32² pixels is small and
    /// medium.
    pub fn range(self) -> [f64; 2] {
        match self {
            Size::All => [0.0, 1e10],
            Size::Small => [0.0, 1024.0],
            Size::Medium => [1024.0, 9216.0],
            Size::Large => [9216.0, 1e10],
        }
    }

    fn holds(self, area: f64) -> bool {
        let [least, greatest] = self.range();
        // Not the converse, so that an area that is no number is in every range, as pycocotools has it.
        !(area < least || area > greatest)
    }
}

/// A detection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Number of the class.
    pub class: usize,
    /// Score, the higher the surer.
    pub score: f64,
    /// Left, top, width and height in pixels.
    pub bbox: [f64; 4],
}

/// An object that is there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truth {
    /// Number of the class.
    pub class: usize,
    /// Left, top, width and height in pixels.
    pub bbox: [f64; 4],
    /// In square pixels: that of the box, or of a finer outline where the data has one.
    pub area: f64,
    /// A region of many objects (COCO's `iscrowd`): any number of detections may lie in it, and none of them counts.
    pub crowd: bool,
    /// An object that need not be found (VOC's `difficult`): it and what finds it do not count.
    pub ignored: bool,
}

impl Truth {
    /// An ordinary object whose area is its box's.
    pub fn new(class: usize, bbox: [f64; 4]) -> Truth {
        Truth { class, bbox, area: bbox[2] * bbox[3], crowd: false, ignored: false }
    }
}

/// What was found in a picture, and what is there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judged {
    /// Detections, in the order in which ties of score are broken.
    pub found: Vec<Found>,
    /// Objects.
    pub truths: Vec<Truth>,
}

/// COCO's figures, with classes numbered below `classes`.
pub fn summarise(pictures: &[Judged], classes: usize) -> Summary {
    Evaluation::new(pictures, classes).summary()
}

/// Left, top, width and height of a box that is given by its left, top, right and bottom edges.
pub fn from_edges(edges: [f32; 4]) -> [f64; 4] {
    let [left, top, right, bottom] = edges.map(f64::from);
    [left, top, right - left, bottom - top]
}

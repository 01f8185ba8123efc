//! Places in the picture that matter to somebody, and what happens there.
//!
//! A [`Zone`] is an area that objects enter, stay in and leave; a [`Line`] is crossed one way or the other; a [`Mask`] is an
//! area where nothing counts. Points are shares of the picture's width and height, 0 to 1 from the top left, so that places
//! hold for frames of any size. A [`Scene`] has all places of a picture and follows, track by track, what happens, in memory
//! that it takes once: each [`Event`] is said once, however much a box jitters.
//!
//! | file | idea |
//! |---|---|
//! | `polygon` | points, areas, and which side of a line something is on |
//! | `zone` | one visit of one track in one zone |
//! | `line` | one track on its way over one line |
//! | `mask` | where nothing counts, and what is painted over |
//! | `scene` | all places against all tracks of a frame |
//! | `event` | what happened |

mod event;
mod line;
mod mask;
mod polygon;
mod scene;
mod zone;

pub use event::{Event, Way, What};
pub use line::{Ends, Line};
pub use mask::Mask;
pub use polygon::{Point, Polygon, Problem};
pub use scene::{Crossings, Names, Occupancy, Places, Scene};
pub use zone::Zone;

use crate::vision::geometry::Rect;

/// Which point of a box says where its object is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Anchor {
    /// The middle of the lower edge: where something stands, seen from the side.
    #[default]
    Feet,
    /// The middle of the box: for a camera that looks down.
    Centre,
}

impl Anchor {
    /// The point of a box, in pixels.
    pub fn of(self, rect: &Rect) -> [f32; 2] {
        let x = 0.5 * (rect.left + rect.right);
        match self {
            Anchor::Feet => [x, rect.bottom],
            Anchor::Centre => [x, 0.5 * (rect.top + rect.bottom)],
        }
    }
}

/// Which classes a place is for: all of them, or some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes(Option<Vec<u32>>);

impl Classes {
    /// Those of these indices among the contract's classes; all where there are none.
    pub fn of(indices: Vec<u32>) -> Classes {
        Classes((!indices.is_empty()).then_some(indices))
    }

    /// Whether a class is among them.
    pub fn contain(&self, class: u32) -> bool {
        self.0.as_ref().is_none_or(|classes| classes.contains(&class))
    }
}

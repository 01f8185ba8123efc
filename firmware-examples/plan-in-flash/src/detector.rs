//! The detector: checks the plan once, then looks at pictures in the arena's memory.

use core::fmt;

use retort_core::kernels::portable;
use retort_core::plan::{Element, Plan, PlanError, Port};
use retort_core::session::{NoExternal, RunError, Session};

use crate::flash::{self, Arena};
use crate::found::{CLASSES, Found};
use crate::head;
use crate::map::Map;

/// Pixels along a side of the picture.
pub const SIDE: usize = 128;

/// The least score that counts: `limits.score` of the model's contract.
pub const LEAST_SCORE: f32 = 0.4;

/// The most that two objects of a class may overlap: `limits.iou` of the model's contract.
pub const MOST_OVERLAP: f32 = 0.6;

/// The levels of the head: pixels a cell, and the outputs with the scores and the boxes.
const LEVELS: [(usize, &str, &str); 2] = [(8, "cls_8", "box_8"), (16, "cls_16", "box_16")];

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The bytes in flash are no plan that this core runs.
    Plan(PlanError),
    /// The plan runs, but is not of the model that this program was written for: this port is missing or another.
    Model(&'static str),
    /// The plan did not run.
    Run(RunError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Plan(error) => write!(f, "{error}"),
            Error::Model(port) => write!(f, "the plan is of another model: `{port}` is missing, or not what it was"),
            Error::Run(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for Error {}

/// Whether an input is a picture whose bytes are what a camera gives: pixels in rows, red, green and blue, byte b being b / 255
/// to the model.
fn takes_pixels(port: &Port<'_>) -> bool {
    port.element == Element::U8
        && port.shape() == [1, 3, SIDE as u32, SIDE as u32]
        && port.order() == [0, 2, 3, 1]
        && port.quantisation == Some((1.0 / 255.0, 0))
}

/// A checked plan and the memory it runs in.
pub struct Detector<'a> {
    plan: Plan<&'static [u8]>,
    arena: &'a mut Arena,
    found: Found,
}

impl<'a> Detector<'a> {
    /// Checks the plan in flash: its checksum, and that no step reaches outside the arena or the weights.
    ///
    /// # Errors
    /// [`Error::Plan`] and [`Error::Model`].
    pub fn new(arena: &'a mut Arena) -> Result<Self, Error> {
        let plan = Plan::check(flash::plan()).map_err(Error::Plan)?;
        if !plan.inputs().next().is_some_and(|port| takes_pixels(&port)) {
            return Err(Error::Model("image"));
        }
        let detector = Detector { plan, arena, found: Found::new() };
        for (stride, scores, boxes) in LEVELS {
            for (name, channels) in [(scores, CLASSES.len()), (boxes, 4)] {
                let shape = [1, channels, SIDE / stride, SIDE / stride].map(|length| length as u32);
                let fits = |port: &Port<'_>| port.name == name && port.element == Element::F32 && port.shape() == shape;
                if !detector.plan.outputs().any(|port| fits(&port)) {
                    return Err(Error::Model(name));
                }
            }
        }
        Ok(detector)
    }

    /// The plan.
    pub fn plan(&self) -> &Plan<&'static [u8]> {
        &self.plan
    }

    /// What a picture shows. `draw` writes it where the first step reads it: [`SIDE`] rows of as many pixels of red, green
    /// and blue, 0 to 255. A camera's driver would do the same.
    ///
    /// # Errors
    /// [`Error::Run`]; none once a picture went through.
    pub fn detect(&mut self, draw: impl FnOnce(&mut [u8])) -> Result<&Found, Error> {
        let mut session = Session::new(&self.plan, self.arena.bytes(), portable()).map_err(Error::Run)?;
        draw(session.input(0).unwrap_or_default());
        session.run(&mut NoExternal).map_err(Error::Run)?;
        self.found.clear();
        let output = |name| {
            let (index, port) = self.plan.outputs().enumerate().find(|(_, port)| port.name == name)?;
            Map::new(&port, session.output(index)?)
        };
        for (stride, scores, boxes) in LEVELS {
            let scores = output(scores).ok_or(Error::Model(scores))?;
            let boxes = output(boxes).ok_or(Error::Model(boxes))?;
            head::read(stride as f32, &scores, &boxes, LEAST_SCORE, &mut self.found);
        }
        self.found.suppress(MOST_OVERLAP);
        self.found.clip(SIDE as f32, SIDE as f32);
        Ok(&self.found)
    }
}

//! The detector: checks the plan once, then looks at pictures in the arena's memory.

use core::fmt;

use retort_core::kernels::{KernelSet, Kernels, select};
use retort_core::plan::{Element, Plan, PlanError, Port, crc32_after};
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
    /// The plan is packed for kernels that this processor or build lacks.
    Kernels(KernelSet),
    /// The plan runs, but is not of the model that this program was written for: this port is missing or another.
    Model(&'static str),
    /// The plan did not run.
    Run(RunError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Plan(error) => write!(f, "{error}"),
            Error::Kernels(set) => {
                write!(f, "the plan is for {set} kernels, which are missing here; compile it for others")
            }
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

/// A checked plan, the kernels that run it and the memory it runs in.
pub struct Detector<'a> {
    plan: Plan<&'static [u8]>,
    kernels: &'static dyn Kernels,
    arena: &'a mut [u8],
    found: Found,
}

impl<'a> Detector<'a> {
    /// Runs `shapes.plan`, which lies in flash.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn new(arena: &'a mut Arena) -> Result<Self, Error> {
        Detector::of(flash::plan(), arena.bytes_mut())
    }

    /// Runs the same network as `plan` has it, compiled for other kernels for example. Checks the plan: its checksum, that no
    /// step reaches outside the arena or the weights, and that its inputs and outputs are those of the network. The plan
    /// and the arena lie at multiples of 64 bytes, as in [`Aligned`](flash::Aligned).
    ///
    /// # Errors
    /// [`Error::Plan`], [`Error::Kernels`] and [`Error::Model`].
    pub fn of(plan: &'static [u8], arena: &'a mut [u8]) -> Result<Self, Error> {
        let plan = Plan::check(plan).map_err(Error::Plan)?;
        let kernels = select(plan.kernel_set()).ok_or(Error::Kernels(plan.kernel_set()))?;
        if !plan.inputs().next().is_some_and(|port| takes_pixels(&port)) {
            return Err(Error::Model("image"));
        }
        for (stride, scores, boxes) in LEVELS {
            for (name, channels) in [(scores, CLASSES.len()), (boxes, 4)] {
                let shape = [1, channels, SIDE / stride, SIDE / stride].map(|length| length as u32);
                let fits = |port: &Port<'_>| port.name == name && port.element == Element::F32 && port.shape() == shape;
                if !plan.outputs().any(|port| fits(&port)) {
                    return Err(Error::Model(name));
                }
            }
        }
        Ok(Detector { plan, kernels, arena, found: Found::new() })
    }

    /// The plan.
    pub fn plan(&self) -> &Plan<&'static [u8]> {
        &self.plan
    }

    /// What the last picture showed.
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// What a picture shows. `draw` writes it where the first step reads it: [`SIDE`] rows of as many pixels of red, green
    /// and blue, 0 to 255. A camera's driver would do the same.
    ///
    /// # Errors
    /// [`Error::Run`]; none once a picture went through.
    pub fn detect(&mut self, draw: impl FnOnce(&mut [u8])) -> Result<&Found, Error> {
        let mut session = Session::new(&self.plan, self.arena, self.kernels).map_err(Error::Run)?;
        draw(session.input(0).unwrap_or_default());
        session.run(&mut NoExternal).map_err(Error::Run)?;
        self.found.clear();
        for (stride, scores, boxes) in LEVELS {
            let scores = map(&self.plan, self.arena, scores)?;
            let boxes = map(&self.plan, self.arena, boxes)?;
            head::read(stride as f32, &scores, &boxes, LEAST_SCORE, &mut self.found);
        }
        self.found.suppress(MOST_OVERLAP);
        self.found.clip(SIDE as f32, SIDE as f32);
        Ok(&self.found)
    }

    /// CRC-32 of what the network gave for the last picture, before anything was read off it: all outputs in their order, as
    /// floats in the order of the model's axes. `retort bench` prints the same of its picture.
    ///
    /// # Errors
    /// [`Error::Model`] where an output is no image of floats.
    pub fn output_crc32(&self) -> Result<u32, Error> {
        let mut crc = 0;
        for port in self.plan.outputs() {
            let map = Map::new(&port, values(&port, self.arena)).ok_or(Error::Model("outputs"))?;
            let [channels, rows, columns] = map.shape();
            for index in 0..channels * rows * columns {
                let value = map.at(index / columns / rows, index / columns % rows, index % columns);
                crc = crc32_after(crc, &value.to_le_bytes());
            }
        }
        Ok(crc)
    }
}

/// An output by its name, as the last run left it.
fn map<'b>(plan: &Plan<&'static [u8]>, arena: &'b [u8], name: &'static str) -> Result<Map<'b>, Error> {
    let port = plan.outputs().find(|port| port.name == name).ok_or(Error::Model(name))?;
    Map::new(&port, values(&port, arena)).ok_or(Error::Model(name))
}

/// Where in the arena an output lies. None does outside, since the plan is checked.
fn values<'b>(port: &Port<'_>, arena: &'b [u8]) -> &'b [u8] {
    let start = port.span.offset as usize;
    arena.get(start..start + port.span.len as usize).unwrap_or_default()
}

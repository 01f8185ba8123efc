//! A teacher of our own making, asked through its exported file: raw answers, cell by cell, in the order of the student's.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use retort::contract::{Contract, ImageSpec};
use retort::model::Model;
use retort::tensor::TensorRef;
use retort::vision::preprocess::Preprocessor;

use super::taps::cells_first;
use super::{Opinion, TeacherError, crc32_of};
use crate::data::Sample;
use crate::limits::load_options;
use crate::nets::{Answer, FixedHeads, Folded};

/// A file that [`crate::export`] wrote in f32, for pictures of the student's size.
pub struct OwnTeacher {
    path: PathBuf,
    model: Model,
    contract: Contract,
    crc32: u32,
    heads: Option<Arc<FixedHeads>>,
}

impl std::fmt::Debug for OwnTeacher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnTeacher").field("path", &self.path).finish_non_exhaustive()
    }
}

impl OwnTeacher {
    /// Opens the file that was made of this network.
    pub fn open(path: &Path, folded: &Folded) -> Result<OwnTeacher, TeacherError> {
        let fail = |source| TeacherError::Model { path: path.to_owned(), source: Box::new(source) };
        let model = Model::open(path, &load_options()).map_err(fail)?;
        let contract = model.find_contract(None).map_err(fail)?;
        let heads = FixedHeads::new(folded).map(Arc::new);
        Ok(OwnTeacher { path: path.to_owned(), model, contract, crc32: crc32_of(path)?, heads })
    }

    /// The CRC-32 of the file.
    pub fn crc32(&self) -> u32 {
        self.crc32
    }

    /// Multiply-accumulates for one picture.
    pub fn macs(&self) -> u64 {
        self.model.macs()
    }

    /// The file, and how it takes pictures.
    pub fn inside(&self) -> (&Path, &ImageSpec) {
        (&self.path, &self.contract.image)
    }

    /// Its heads, if it finds objects.
    pub fn heads(&self) -> Option<&Arc<FixedHeads>> {
        self.heads.as_ref()
    }

    /// Whether it finds objects.
    pub fn detects(&self) -> bool {
        self.contract.task == retort::contract::Task::Detect
    }

    /// What it says about pictures that have its size already.
    pub fn ask(&self, samples: &[Sample]) -> Result<Vec<Opinion>, TeacherError> {
        self.look(samples).map_err(|source| TeacherError::Model { path: self.path.clone(), source: Box::new(source) })
    }

    fn look(&self, samples: &[Sample]) -> Result<Vec<Opinion>, retort::Error> {
        let input = self.contract.image.port(self.model.inputs())?;
        let mut preprocessor = Preprocessor::new(&self.contract.image, &self.model.inputs()[input])?;
        let mut session = self.model.session();
        let mut all = Vec::with_capacity(samples.len());
        for sample in samples {
            preprocessor.fill(&sample.frame()?, session.input(input))?;
            session.run()?;
            let mut answer = Answer::default();
            // Levels from fine to coarse, classes before boxes; a classifier has one output. There may be others beside those.
            for (place, (_, name)) in self.contract.head.outputs().into_iter().enumerate() {
                let found = self.model.outputs().iter().enumerate().find(|(_, port)| port.name == name);
                let Some((index, port)) = found else { continue };
                if let TensorRef::F32(values) = session.output(index) {
                    let target = if place % 2 == 0 { &mut answer.classes } else { &mut answer.boxes };
                    cells_first(port, values, target);
                }
            }
            all.push(Opinion::Answer(answer));
        }
        Ok(all)
    }
}

//! Embeddings of pictures as the exported file itself computes them, through the runtime.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use retort::Error;
use retort::contract::Contract;
use retort::model::{InputKind, LoadOptions, Model};
use retort::vision::novelty::Embedding;
use retort::vision::preprocess::Preprocessor;

use crate::data::Sample;
use crate::limits::load_options;
use crate::nets::EMBEDDING;

/// Pictures that one session looks at before the next one starts.
const SHARE: usize = 16;

/// A file with the output `embedding`.
pub struct Embedder {
    model: Model,
    contract: Contract,
}

impl Embedder {
    /// Opens a file that was exported with its embedding.
    ///
    /// # Errors
    /// What the runtime says of a file that it cannot use.
    pub fn open(path: &Path) -> Result<Embedder, Error> {
        let options = LoadOptions { input: InputKind::Quantised, ..load_options() };
        let model = Model::open(path, &options)?;
        let contract = model.find_contract(None)?;
        Ok(Embedder { model, contract })
    }

    /// The embeddings of pictures 0 to `count`, in order; those that `picture` does not give are left out. `done` is called
    /// with the number of pictures finished, from any thread.
    ///
    /// # Errors
    /// What the runtime says of a model without that output, or that does not run.
    pub fn embed(
        &self,
        count: usize,
        picture: impl Fn(usize) -> Option<Arc<Sample>> + Sync,
        done: impl Fn(usize) + Sync,
    ) -> Result<Vec<Vec<f32>>, Error> {
        let input = self.contract.image.port(self.model.inputs())?;
        let share = |places: &[usize]| -> Result<Vec<Vec<f32>>, Error> {
            let mut preprocessor = Preprocessor::new(&self.contract.image, &self.model.inputs()[input])?;
            let mut embedding = Embedding::new("coverage.output", EMBEDDING, self.model.outputs())?;
            let mut session = self.model.session();
            let mut all = Vec::with_capacity(places.len());
            for sample in places.iter().filter_map(|&place| picture(place)) {
                preprocessor.fill(&sample.frame()?, session.input(input))?;
                session.run()?;
                all.push(embedding.read(&session).to_vec());
            }
            done(places.len());
            Ok(all)
        };
        let places: Vec<usize> = (0..count).collect();
        let shares: Result<Vec<Vec<Vec<f32>>>, Error> = places.par_chunks(SHARE).map(share).collect();
        Ok(shares?.concat())
    }
}

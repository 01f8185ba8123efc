//! Checkpoints on disk: a line of JSON that says what they are, arrays of little-endian f32, and a checksum.
//!
//! They are written under another name, flushed to the disk and renamed, so that whoever reads finds the old file or the
//! new one whole, whenever the program or the machine stopped.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::lesson::Past;
use super::optimiser::Optimiser;
use crate::nets::{Network, Weights};
use crate::whole;

/// First bytes of a checkpoint, version included.
const MAGIC: &[u8; 8] = b"retortw2";

/// Why a checkpoint could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file system said no.
    #[error("cannot use the checkpoint {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// Not a checkpoint, or cut short, or changed.
    #[error("{path}: {what}; delete it and train again")]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// The state is that of another network.
    #[error("{0} is the state of another network; delete it, or choose another folder")]
    OtherNetwork(PathBuf),
}

/// What precedes the arrays.
#[derive(Serialize, Deserialize)]
struct Header {
    network: Network,
    /// Present where a training is to go on.
    progress: Option<Position>,
}

/// How far a training is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Steps done.
    pub step: usize,
    /// Steps of the optimiser.
    pub optimiser: i32,
    /// Best figure of a validation so far.
    pub best: Option<f64>,
    /// Validations since then.
    pub stale: usize,
}

/// All that a training needs to go on as if nothing had happened.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// How far it is.
    pub position: Position,
    /// The weights.
    pub weights: Weights,
    /// Their running average.
    pub average: Weights,
    /// The average at the best validation.
    pub best: Weights,
    /// The optimiser.
    pub optimiser: Optimiser,
    /// What the student said before.
    pub past: Past,
}

/// Saves weights.
pub fn save(weights: &Weights, path: &Path) -> Result<(), CheckpointError> {
    let header = Header { network: weights.network.clone(), progress: None };
    write(&header, weights.arrays(), path)
}

/// Reads weights back.
pub fn load(path: &Path) -> Result<Weights, CheckpointError> {
    let (header, values) = read(path)?;
    let mut weights = Weights::random(&header.network, 0);
    fill(weights.arrays_mut(), &values, path)?;
    Ok(weights)
}

/// Saves a training's state.
pub fn save_state(state: &State, path: &Path) -> Result<(), CheckpointError> {
    let (steps, memory) = state.optimiser.memory();
    let position = Position { optimiser: steps, ..state.position };
    let header = Header { network: state.weights.network.clone(), progress: Some(position) };
    let weights = [&state.weights, &state.average, &state.best].into_iter().flat_map(Weights::arrays);
    write(&header, weights.chain(memory).chain([&state.past.values]), path)
}

/// Reads a training's state back into `fresh`, the state that the training would begin with: all that belongs to the recipe
/// is there.
///
/// # Errors
/// [`CheckpointError::OtherNetwork`] where the file is of another network, and all that reading can say.
pub fn load_state(path: &Path, fresh: State) -> Result<State, CheckpointError> {
    let (header, values) = read(path)?;
    let broken = |what| CheckpointError::Broken { path: path.to_owned(), what };
    let position = header.progress.ok_or_else(|| broken("it is no state of a training"))?;
    if header.network != fresh.weights.network {
        return Err(CheckpointError::OtherNetwork(path.to_owned()));
    }
    let mut state = State { position, ..fresh };
    let (steps, memory) = state.optimiser.memory_mut();
    *steps = position.optimiser;
    let weights = [&mut state.weights, &mut state.average, &mut state.best].into_iter().flat_map(Weights::arrays_mut);
    fill(weights.chain(memory).chain([&mut state.past.values]), &values, path)?;
    Ok(state)
}

fn write<'a>(header: &Header, arrays: impl Iterator<Item = &'a Vec<f32>>, path: &Path) -> Result<(), CheckpointError> {
    let io = |source| CheckpointError::Io { path: path.to_owned(), source };
    let mut bytes = MAGIC.to_vec();
    let header = serde_json::to_vec(header).map_err(|error| io(error.into()))?;
    bytes.extend((header.len() as u32).to_le_bytes());
    bytes.extend(header);
    arrays.flatten().for_each(|value| bytes.extend(value.to_le_bytes()));
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    whole::write(path, bytes).map_err(io)
}

fn read(path: &Path) -> Result<(Header, Vec<u8>), CheckpointError> {
    let broken = |what| CheckpointError::Broken { path: path.to_owned(), what };
    let bytes = std::fs::read(path).map_err(|source| CheckpointError::Io { path: path.to_owned(), source })?;
    let (body, sum) = bytes.split_last_chunk::<4>().ok_or_else(|| broken("too short"))?;
    let rest = body.strip_prefix(MAGIC).ok_or_else(|| broken("not a checkpoint of this version"))?;
    if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
        return Err(broken("the checksum does not match"));
    }
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(|| broken("too short"))?;
    let (header, values) =
        rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(|| broken("too short"))?;
    let header = serde_json::from_slice(header).map_err(|_| broken("the header makes no sense"))?;
    Ok((header, values.to_vec()))
}

fn fill<'a>(arrays: impl Iterator<Item = &'a mut Vec<f32>>, values: &[u8], path: &Path) -> Result<(), CheckpointError> {
    let broken =
        || CheckpointError::Broken { path: path.to_owned(), what: "the number of values does not fit the network" };
    let mut values = values.chunks_exact(4);
    for target in arrays.flatten() {
        let bytes = values.next().ok_or_else(broken)?;
        *target = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    if values.next().is_some() { Err(broken()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::examples::{detector, perceptron};
    use crate::train::{OptimiserOptions, Rule};

    #[test]
    fn weights_survive_the_disk_and_damage_is_noticed() {
        let weights = Weights::random(&detector(32, 2), 3);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("weights.bin");
        save(&weights, &path).expect("written");
        assert_eq!(load(&path).expect("read"), weights);
        let mut bytes = std::fs::read(&path).expect("bytes");
        bytes[200] ^= 1;
        std::fs::write(&path, &bytes).expect("written");
        assert!(load(&path).expect_err("damaged").to_string().contains("checksum"));
        std::fs::write(&path, b"hello").expect("written");
        assert!(load(&path).is_err());
    }

    #[test]
    fn a_state_survives_with_the_memory_of_its_optimiser() {
        for rule in [Rule::AdamW, Rule::Sgd] {
            let options = OptimiserOptions { rule, decay: 0.1, clip: 1.0, momentum: 0.9, max_norm: 3.0 };
            let mut weights = Weights::random(&perceptron(3), 3);
            let average = weights.clone();
            let mut optimiser = Optimiser::new(&weights, options);
            let gradients = weights.parameters.iter().map(|p| vec![0.5; p.values.len()]).collect();
            optimiser.step(&mut weights, &gradients, 0.1);
            let position = Position { step: 7, optimiser: 1, best: Some(0.5), stale: 2 };
            let best = Weights::random(&perceptron(3), 9);
            let past = Past { values: vec![0.25, f32::INFINITY] };
            let state = State { position, weights: weights.clone(), average, best, optimiser, past };
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("state.bin");
            save_state(&state, &path).expect("written");
            let fresh = State {
                position: Position::default(),
                average: weights.clone(),
                best: weights.clone(),
                optimiser: Optimiser::new(&weights, options),
                past: Past::new(2),
                weights,
            };
            assert_eq!(load_state(&path, fresh).expect("read"), state);
        }
    }
}

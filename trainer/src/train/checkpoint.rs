//! Weights on disk: a line of JSON that says what they are, the values as little-endian f32, and a checksum.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::nets::{Architecture, Weights};

/// First bytes of a checkpoint, version included.
const MAGIC: &[u8; 8] = b"retortw1";

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
}

/// Writes weights under a temporary name and renames, so that a reader finds the old file or the new one, never half.
pub fn save(weights: &Weights, path: &Path) -> Result<(), CheckpointError> {
    let io = |source| CheckpointError::Io { path: path.to_owned(), source };
    let mut bytes = MAGIC.to_vec();
    let header = serde_json::to_vec(&weights.architecture).map_err(|error| io(error.into()))?;
    bytes.extend((header.len() as u32).to_le_bytes());
    bytes.extend(header);
    bytes.extend(arrays(weights).flatten().flat_map(|value| value.to_le_bytes()));
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    let partial = path.with_extension("partial");
    let mut file = std::fs::File::create(&partial).map_err(io)?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(io)?;
    std::fs::rename(&partial, path).map_err(io)
}

/// Reads weights back.
pub fn load(path: &Path) -> Result<Weights, CheckpointError> {
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
    let architecture: Architecture = serde_json::from_slice(header).map_err(|_| broken("the header makes no sense"))?;
    let mut weights = Weights::random(&architecture, 0);
    let mut values = values.chunks_exact(4);
    let count: usize = arrays(&weights).map(<[f32]>::len).sum();
    if values.len() != count {
        return Err(broken("the number of values does not fit the architecture"));
    }
    let parameters = weights.parameters.iter_mut().map(|parameter| &mut parameter.values);
    let moments = weights.moments.iter_mut().flat_map(|moments| [&mut moments.mean, &mut moments.variance]);
    for (target, bytes) in parameters.chain(moments).flatten().zip(&mut values) {
        *target = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    Ok(weights)
}

fn arrays(weights: &Weights) -> impl Iterator<Item = &[f32]> {
    let parameters = weights.parameters.iter().map(|parameter| parameter.values.as_slice());
    parameters.chain(weights.moments.iter().flat_map(|moments| [moments.mean.as_slice(), &moments.variance]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_survive_the_disk_and_damage_is_noticed() {
        let architecture = Architecture {
            input: 32,
            classes: 2,
            widths: [8; 5],
            depths: [0, 1, 0, 0],
            neck: 8,
            head: 1,
            residual: false,
        };
        let weights = Weights::random(&architecture, 3);
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
}

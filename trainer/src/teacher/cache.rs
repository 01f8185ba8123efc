//! What a teacher said, on disk, in chunks that several machines can fill.
//!
//! A chunk is a file of [`CHUNK`] pictures in a row, named by a key that stands for the teacher, the pictures and the views of
//! them. Whoever computes a part of the chunks and copies the files together gets what one machine alone would have got;
//! chunks that are there already, whole, are not computed again.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{Opinion, Teacher, TeacherError};
use crate::data::{Label, Sample};
use crate::nets::Answer;
use crate::whole;

/// Pictures in a file.
pub const CHUNK: usize = 128;
/// Pictures that are in memory at once, of each thread or of a film.
const AT_ONCE: usize = 32;
/// Of a film, those that one session looks at before the next one starts.
const SHARE: usize = 8;
/// First bytes of a file, version included.
const MAGIC: &[u8; 8] = b"retorts1";

/// Why a cache could not be filled.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The file system said no.
    #[error("cannot use {path}, where the teacher's answers are kept")]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// The teacher failed.
    #[error(transparent)]
    Teacher(#[from] TeacherError),
}

/// Is told of progress: pictures done, from any thread.
pub type Progress<'a> = &'a (dyn Fn(usize) + Sync);

/// A folder of chunks under one key.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    key: u32,
    pictures: usize,
}

impl Cache {
    /// The chunks of so many pictures in a folder. `key` stands for all that the answers depend on.
    pub fn new(folder: &Path, key: u32, pictures: usize) -> Cache {
        Cache { folder: folder.to_owned(), key, pictures }
    }

    /// Number of chunks.
    pub fn chunks(&self) -> usize {
        self.pictures.div_ceil(CHUNK)
    }

    fn path(&self, chunk: usize) -> PathBuf {
        self.folder.join(format!("{:08x}-{chunk:05}.answers", self.key))
    }

    /// Computes the chunks `shard`, `shard + shards`, … that are not there yet. `view(picture)` makes what the teacher is to
    /// look at; one whose picture cannot be made is passed over with an opinion of nothing. Where the pictures are those of a
    /// `film`, views are made in their order, a few at a time, and only the teacher is asked on all threads.
    pub fn fill(
        &self,
        teacher: &Teacher,
        view: impl Fn(usize) -> Option<Sample> + Sync,
        [shard, shards]: [usize; 2],
        film: bool,
        done: Progress<'_>,
    ) -> Result<(), CacheError> {
        let io = |source| CacheError::Io { path: self.folder.clone(), source };
        std::fs::create_dir_all(&self.folder).map_err(io)?;
        let make = |chunk: usize| -> Result<(), CacheError> {
            let pictures: Vec<usize> = self.pictures_of(chunk).collect();
            if self.read(chunk).is_some() {
                done(pictures.len());
                return Ok(());
            }
            let ask = |views: &[Option<Sample>]| -> Result<Vec<Opinion>, TeacherError> {
                let readable: Vec<Sample> = views.iter().flatten().cloned().collect();
                let mut answers = teacher.ask(&readable)?.into_iter();
                let mut answer = |view: &Option<Sample>| view.as_ref().and_then(|_| answers.next());
                Ok(views.iter().map(|view| answer(view).unwrap_or(Opinion::Boxes(Vec::new()))).collect())
            };
            let mut opinions = Vec::with_capacity(pictures.len());
            for pictures in pictures.chunks(AT_ONCE) {
                let views: Vec<Option<Sample>> = pictures.iter().map(|&picture| view(picture)).collect();
                if film {
                    let some: Vec<_> = views.par_chunks(SHARE).map(ask).collect::<Result<_, _>>()?;
                    opinions.extend(some.into_iter().flatten());
                } else {
                    opinions.extend(ask(&views)?);
                }
                done(pictures.len());
            }
            self.write(chunk, &opinions)
        };
        let chunks = (shard..self.chunks()).step_by(shards.max(1));
        if film {
            return chunks.into_iter().try_for_each(make);
        }
        chunks.collect::<Vec<_>>().into_par_iter().try_for_each(make)
    }

    /// All opinions, once every chunk is there; else how many chunks are missing.
    pub fn load(&self) -> Result<Vec<Opinion>, usize> {
        let chunks: Vec<Option<Vec<Opinion>>> =
            (0..self.chunks()).into_par_iter().map(|chunk| self.read(chunk)).collect();
        let missing = chunks.iter().filter(|chunk| chunk.is_none()).count();
        if missing > 0 { Err(missing) } else { Ok(chunks.into_iter().flatten().flatten().collect()) }
    }

    fn pictures_of(&self, chunk: usize) -> std::ops::Range<usize> {
        chunk * CHUNK..((chunk + 1) * CHUNK).min(self.pictures)
    }

    fn write(&self, chunk: usize, opinions: &[Opinion]) -> Result<(), CacheError> {
        let path = self.path(chunk);
        let io = |source| CacheError::Io { path: path.clone(), source };
        let mut bytes = MAGIC.to_vec();
        opinions.iter().for_each(|opinion| encode(opinion, &mut bytes));
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        whole::write(&path, bytes).map_err(io)
    }

    /// A chunk; none if it is missing, damaged or of another size, for then it is made anew.
    fn read(&self, chunk: usize) -> Option<Vec<Opinion>> {
        let bytes = std::fs::read(self.path(chunk)).ok()?;
        let (body, sum) = bytes.split_last_chunk::<4>()?;
        let mut rest = body.strip_prefix(MAGIC)?;
        if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
            return None;
        }
        let opinions: Option<Vec<Opinion>> = self.pictures_of(chunk).map(|_| decode(&mut rest)).collect();
        opinions.filter(|_| rest.is_empty())
    }
}

/// Kind, then two lists of floats, each after its length.
fn encode(opinion: &Opinion, bytes: &mut Vec<u8>) {
    let mut list = |values: &mut dyn ExactSizeIterator<Item = f32>| {
        bytes.extend((values.len() as u32).to_le_bytes());
        values.for_each(|value| bytes.extend(value.to_le_bytes()));
    };
    match opinion {
        Opinion::Answer(answer) => {
            list(&mut [0.0].into_iter());
            list(&mut answer.classes.iter().copied());
            list(&mut answer.boxes.iter().copied());
        }
        Opinion::Boxes(labels) => {
            list(&mut [1.0].into_iter());
            let numbers: Vec<f32> = labels
                .iter()
                .flat_map(|label| [label.class as f32, label.score].into_iter().chain(label.bounds))
                .collect();
            list(&mut numbers.into_iter());
            list(&mut [].into_iter());
        }
    }
}

fn decode(rest: &mut &[u8]) -> Option<Opinion> {
    let mut list = || -> Option<Vec<f32>> {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (values, after) = after.split_at_checked((u32::from_le_bytes(*length) as usize).checked_mul(4)?)?;
        *rest = after;
        Some(values.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
    };
    let (kind, first, second) = (list()?, list()?, list()?);
    match kind[..] {
        [0.0] => Some(Opinion::Answer(Answer { classes: first, boxes: second })),
        [1.0] => {
            let labels = first.as_chunks().0.iter();
            let labels = labels.map(|&[class, score, left, top, right, bottom]| Label {
                score,
                ..Label::new(class as usize, [left, top, right, bottom])
            });
            Some(Opinion::Boxes(labels.collect()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opinions(count: usize) -> Vec<Opinion> {
        let of = |i: usize| match i % 3 {
            0 => Opinion::Boxes(Vec::new()),
            1 => Opinion::Boxes(vec![Label { score: 0.5, ..Label::new(i, [1.0, 2.0, 3.5, i as f32]) }]),
            _ => Opinion::Answer(Answer { classes: vec![i as f32, -1.0], boxes: vec![0.25; i % 5] }),
        };
        (0..count).map(of).collect()
    }

    #[test]
    fn chunks_of_several_machines_come_together_and_damaged_ones_count_as_missing() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(folder.path(), 0xabc, CHUNK + 40);
        assert_eq!(cache.chunks(), 2);
        let all = opinions(CHUNK + 40);
        cache.write(1, &all[CHUNK..]).expect("written");
        assert_eq!(cache.load(), Err(1));
        cache.write(0, &all[..CHUNK]).expect("written");
        assert_eq!(cache.load().expect("all there"), all);
        assert_eq!(Cache::new(folder.path(), 0xabd, CHUNK).load(), Err(1), "another key has other files");
        let path = cache.path(1);
        let mut bytes = std::fs::read(&path).expect("there");
        bytes[30] ^= 4;
        std::fs::write(&path, &bytes).expect("written");
        assert_eq!(cache.load(), Err(1));
        std::fs::write(&path, b"retorts1").expect("written");
        assert_eq!(cache.load(), Err(1));
    }
}

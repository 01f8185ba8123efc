//! Pictures for one purpose: kept small enough for memory to learn from, and to be had as they are for whoever needs that.

use std::sync::Arc;

use crate::data::{self, Augmentation, Collection, DataError, Item, Label, Rng, Sample, Store};
use crate::recipe::Recipe;

/// Bytes of decoded pictures that are kept, of each set.
const KEPT: usize = 2 << 30;

/// Pictures for one purpose.
#[derive(Clone)]
pub struct Set {
    pictures: Arc<dyn Source>,
    /// Where they come from; empty where they were drawn.
    items: Arc<[Item]>,
    names: Arc<[String]>,
    crc32: u32,
}

/// Pictures that threads may share.
trait Source: data::Pictures + Send {}

impl<T: data::Pictures + Send> Source for T {}

impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Set").field("pictures", &self.len()).finish_non_exhaustive()
    }
}

impl Default for Set {
    fn default() -> Self {
        Set::drawn(Vec::new())
    }
}

impl Set {
    /// Pictures in memory.
    pub(in crate::distil) fn drawn(samples: Vec<Sample>) -> Set {
        let mut hasher = crc32fast::Hasher::new();
        samples.iter().for_each(|sample| hasher.update(&sample.pixels));
        let samples: Vec<Arc<Sample>> = samples.into_iter().map(Arc::new).collect();
        Set { pictures: Arc::new(samples), items: Arc::default(), names: Arc::default(), crc32: hasher.finalize() }
    }

    /// Pictures of a set on disk, decoded when asked for, and made smaller where both of their sides exceed `largest`. Frames
    /// of a video are decoded now, in their order, since to look for a frame is to decode all that lie before it; `done` is
    /// called after each.
    pub(super) fn stored(set: Collection, largest: Option<[usize; 2]>, done: impl Fn() + Sync) -> Set {
        let mut hasher = crc32fast::Hasher::new();
        for item in &set.items {
            hasher.update(item.name.as_bytes());
            hasher.update(&[0]);
        }
        let names = set.items.iter().map(|item| item.name.clone()).collect();
        let items: Arc<[Item]> = set.items.iter().cloned().collect();
        let store = Store::new(set, largest, KEPT);
        if items.iter().any(Item::is_frame) {
            store.fill(done);
        }
        Set { pictures: Arc::new(store), items, names, crc32: hasher.finalize() }
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.pictures.count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the pictures are frames of a video, which are best asked for in their order.
    pub fn is_film(&self) -> bool {
        self.items.iter().any(Item::is_frame)
    }

    /// What the pictures are called; empty where they were drawn.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of each frame, where the set is a film.
    pub fn frames(&self) -> Option<Vec<usize>> {
        let frames: Option<Vec<usize>> = self.items.iter().map(|item| item.frame).collect();
        frames.filter(|frames| !frames.is_empty())
    }

    /// A number that stands for the pictures.
    pub fn crc32(&self) -> u32 {
        self.crc32
    }

    /// The pictures themselves.
    pub fn pictures(&self) -> &dyn data::Pictures {
        &*self.pictures
    }

    /// A picture, smaller perhaps than it is on disk.
    ///
    /// # Errors
    /// A [`DataError`] that names the picture.
    pub fn load(&self, index: usize) -> Result<Arc<Sample>, DataError> {
        self.pictures.picture(index)
    }

    /// A picture as it is, whatever memory has room for.
    ///
    /// # Errors
    /// A [`DataError`] that names the picture.
    pub fn original(&self, index: usize) -> Result<Sample, DataError> {
        match self.items.get(index) {
            Some(item) => item.load(),
            None => self.load(index).map(|sample| Sample::clone(&sample)),
        }
    }

    /// Width and height of a picture as it is; none where it is not known to be another than what [`Set::load`] gives.
    pub fn original_size(&self, index: usize) -> Option<[usize; 2]> {
        self.items.get(index).and_then(|item| item.size().ok().flatten())
    }

    /// Width and height of all pictures as they are, where they are frames of one video.
    pub fn size(&self) -> Option<[usize; 2]> {
        if self.is_film() { self.original_size(0) } else { None }
    }

    /// A picture brought to the student's size, as the runtime will bring it there.
    pub fn fitted(&self, recipe: &Recipe, index: usize) -> Result<Sample, DataError> {
        recipe.target().fit(&*self.load(index)?)
    }

    /// A picture augmented, at the student's size.
    pub fn augmented(
        &self,
        augment: &Augmentation,
        recipe: &Recipe,
        index: usize,
        rng: &mut Rng,
    ) -> Result<Sample, DataError> {
        augment.apply(&*self.pictures, index, &recipe.target(), rng)
    }

    /// View number `view` of a picture: what teacher and student both see of it.
    pub fn view(&self, recipe: &Recipe, index: usize, view: usize) -> Result<Sample, DataError> {
        if recipe.distil.views == 0 {
            return self.fitted(recipe, index);
        }
        let mut rng = Rng::new(&[recipe.data.seed, 0x71e3, index as u64, view as u64]);
        self.augmented(&recipe.augment, recipe, index, &mut rng)
    }

    /// The same pictures with the boxes that a teacher drew in them as they are on disk, one list a picture.
    pub fn relabelled(&self, boxes: Vec<Vec<Label>>) -> Set {
        // To ask for a size may be to read a file, which is not to be done whenever the picture is looked at.
        let sizes = (0..self.items.len()).map(|index| self.original_size(index)).collect();
        Set { pictures: Arc::new(Relabelled { pictures: self.pictures.clone(), sizes, boxes }), ..self.clone() }
    }
}

/// Edges in a picture of the `original` width and height, in the same picture as it is kept: smaller perhaps.
pub(in crate::distil) fn kept(bounds: [f32; 4], original: Option<[usize; 2]>, sample: &Sample) -> [f32; 4] {
    let Some([width, height]) = original else { return bounds };
    let scale = [sample.width as f32 / width as f32, sample.height as f32 / height as f32];
    std::array::from_fn(|edge| bounds[edge] * scale[edge % 2])
}

/// Pictures with others' boxes.
struct Relabelled {
    pictures: Arc<dyn Source>,
    /// Width and height as they are on disk, where they are known.
    sizes: Vec<Option<[usize; 2]>>,
    boxes: Vec<Vec<Label>>,
}

impl data::Pictures for Relabelled {
    fn count(&self) -> usize {
        self.pictures.count()
    }

    fn picture(&self, index: usize) -> Result<Arc<Sample>, DataError> {
        let sample = self.pictures.picture(index)?;
        let mut boxes = self.boxes.get(index).cloned().unwrap_or_default();
        boxes
            .iter_mut()
            .for_each(|label| label.bounds = kept(label.bounds, self.sizes.get(index).copied().flatten(), &sample));
        Ok(Arc::new(Sample { boxes, ..Sample::clone(&sample) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::OpenOptions;

    #[test]
    fn boxes_of_a_teacher_follow_pictures_that_are_kept_smaller() {
        let folder = tempfile::tempdir().expect("a folder");
        image::RgbImage::new(80, 40).save(folder.path().join("a.png")).expect("written");
        let collection = || Collection::open(folder.path(), &OpenOptions::default()).expect("a set");
        let label = Label::new(0, [40.0, 10.0, 80.0, 30.0]);
        let bounds = |largest| {
            let set = Set::stored(collection(), largest, || ()).relabelled(vec![vec![label]]);
            assert_eq!(set.original(0).expect("there").width, 80);
            set.pictures().picture(0).expect("there").boxes[0].bounds
        };
        assert_eq!(bounds(None), label.bounds);
        assert_eq!(bounds(Some([40, 20])), [20.0, 5.0, 40.0, 15.0]);
        let drawn = Set::drawn(vec![Sample::rgb(2, 1, vec![0; 6])]).relabelled(vec![vec![label]]);
        assert_eq!(drawn.load(0).expect("there").boxes[0].bounds, label.bounds);
    }
}

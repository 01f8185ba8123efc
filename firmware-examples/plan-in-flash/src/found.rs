//! What was found, in storage that never grows.

use core::fmt;

/// The classes of the model in `shapes.plan`, in the order of its channels.
pub const CLASSES: [&str; 6] = ["circle", "ring", "square", "triangle", "star", "cross"];

/// An object, its box in pixels of the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Object {
    /// Index into [`CLASSES`].
    pub class: usize,
    /// 0 to 1.
    pub score: f32,
    /// Left, top, right and bottom edge.
    pub edges: [f32; 4],
}

impl Object {
    /// The name of its class.
    pub fn name(&self) -> &'static str {
        CLASSES.get(self.class).copied().unwrap_or("unknown")
    }

    /// The share of the area of both boxes together that belongs to both: intersection over union.
    pub fn overlap(&self, other: &Object) -> f32 {
        let area = |[left, top, right, bottom]: [f32; 4]| (right - left).max(0.0) * (bottom - top).max(0.0);
        let ([a, b, c, d], [e, f, g, h]) = (self.edges, other.edges);
        let common = area([a.max(e), b.max(f), c.min(g), d.min(h)]);
        let all = area(self.edges) + area(other.edges) - common;
        if all > 0.0 { common / all } else { 0.0 }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [left, top, right, bottom] = self.edges;
        let (width, height) = (right - left, bottom - top);
        let name = self.name();
        write!(f, "{name:<9}{:3.0} %   {width:3.0} × {height:3.0} at {left:3.0}, {top:3.0}", self.score * 100.0)
    }
}

/// At most [`Found::MOST`] objects, the highest score first.
#[derive(Clone, Debug)]
pub struct Found {
    objects: [Object; Found::MOST],
    len: usize,
}

impl Found {
    /// How many there is room for; of more the best stay.
    pub const MOST: usize = 128;

    /// Room, and nothing in it.
    pub const fn new() -> Self {
        Found { objects: [Object { class: 0, score: 0.0, edges: [0.0; 4] }; Found::MOST], len: 0 }
    }

    /// Takes out everything.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// The objects, the highest score first.
    pub fn objects(&self) -> &[Object] {
        &self.objects[..self.len]
    }

    /// Adds an object behind those of the same or a higher score. Where there is no room the worst makes it.
    pub fn add(&mut self, object: Object) {
        let at = self.objects().iter().position(|other| other.score < object.score).unwrap_or(self.len);
        if at < Found::MOST {
            self.len = (self.len + 1).min(Found::MOST);
            self.objects.copy_within(at..self.len - 1, at + 1);
            self.objects[at] = object;
        }
    }

    /// Of objects of one class whose boxes overlap by more than `most`, keeps only the best (greedy non-maximum
    /// suppression).
    pub fn suppress(&mut self, most: f32) {
        let mut kept = 0;
        for index in 0..self.len {
            let object = self.objects[index];
            let hidden = |better: &Object| better.class == object.class && better.overlap(&object) > most;
            if !self.objects[..kept].iter().any(hidden) {
                self.objects[kept] = object;
                kept += 1;
            }
        }
        self.len = kept;
    }

    /// Cuts off what of the boxes lies outside the picture.
    pub fn clip(&mut self, width: f32, height: f32) {
        for object in &mut self.objects[..self.len] {
            let [left, top, right, bottom] = object.edges;
            object.edges =
                [left.clamp(0.0, width), top.clamp(0.0, height), right.clamp(0.0, width), bottom.clamp(0.0, height)];
        }
    }
}

impl Default for Found {
    fn default() -> Self {
        Found::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(class: usize, score: f32, edges: [f32; 4]) -> Object {
        Object { class, score, edges }
    }

    #[test]
    fn the_best_stay_in_order() {
        let mut found = Found::new();
        for i in 0..2 * Found::MOST {
            // 37 has no factor in common with the count, so this is every score once, shuffled.
            found.add(object(0, (i * 37 % (2 * Found::MOST)) as f32, [0.0; 4]));
        }
        assert_eq!(found.objects().len(), Found::MOST);
        for (i, object) in found.objects().iter().enumerate() {
            assert_eq!(object.score, (2 * Found::MOST - 1 - i) as f32);
        }
    }

    #[test]
    fn overlapping_boxes_of_a_class_give_way_to_the_best() {
        let mut found = Found::new();
        let square = |left: f32| [left, 0.0, left + 10.0, 10.0];
        found.add(object(0, 0.5, square(2.0)));
        found.add(object(1, 0.6, square(0.0)));
        found.add(object(0, 0.9, square(0.0)));
        found.add(object(0, 0.7, square(6.0)));
        // 8 of 12 columns are common to those at 0 and at 2, 4 of 16 to those at 0 and at 6.
        assert_eq!(object(0, 0.0, square(0.0)).overlap(&object(0, 0.0, square(2.0))), 8.0 / 12.0);
        found.suppress(0.6);
        let scores: [f32; 3] = core::array::from_fn(|i| found.objects()[i].score);
        assert_eq!((found.objects().len(), scores), (3, [0.9, 0.7, 0.6]));
    }
}

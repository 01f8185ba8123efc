//! Average precision as COCO defines it (pycocotools' `COCOeval`, bounding boxes).
//!
//! For each class and IoU threshold .50:.05:.95, detections of all pictures are matched greedily, best score first, to
//! the objects of their picture; precision is made monotone and read off at 101 recalls; AP is the mean over classes
//! that occur and over thresholds. At most 100 detections a picture count. For the three ranges of area, objects
//! outside the range are ignored, and so are unmatched detections outside it.

use crate::losses::iou;

/// A detection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Number of the class.
    pub class: usize,
    /// Score, the higher the surer.
    pub score: f32,
    /// Left, top, right and bottom edge in pixels.
    pub bounds: [f32; 4],
}

/// An object that is there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truth {
    /// Number of the class.
    pub class: usize,
    /// Left, top, right and bottom edge in pixels.
    pub bounds: [f32; 4],
}

/// COCO's figures, each from 0 to 1; none where no object falls into the range.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Summary {
    /// AP over IoU .50:.05:.95.
    pub ap: Option<f64>,
    /// AP at IoU .50.
    pub ap50: Option<f64>,
    /// AP at IoU .75.
    pub ap75: Option<f64>,
    /// AP of objects under 32² pixels.
    pub small: Option<f64>,
    /// AP of objects from 32² to 96² pixels.
    pub medium: Option<f64>,
    /// AP of objects above 96² pixels.
    pub large: Option<f64>,
    /// AP of each class.
    pub classes: Vec<Option<f64>>,
}

const THRESHOLDS: usize = 10;
const RECALLS: usize = 101;
const MOST: usize = 100;
/// All, small, medium, large.
const AREAS: [(f32, f32); 4] = [(0.0, 1e10), (0.0, 1024.0), (1024.0, 9216.0), (9216.0, 1e10)];

fn area(b: &[f32; 4]) -> f32 {
    (b[2] - b[0]) * (b[3] - b[1])
}

/// The figures for pictures given as (detections, objects), with classes numbered below `classes`.
pub fn summarise(pictures: &[(Vec<Found>, Vec<Truth>)], classes: usize) -> Summary {
    let mut by_area: Vec<Vec<Option<[f64; THRESHOLDS]>>> = Vec::new();
    for range in AREAS {
        by_area.push((0..classes).map(|class| class_precision(pictures, class, range)).collect());
    }
    let mean = |values: Vec<f64>| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    let average = |area: usize| mean(by_area[area].iter().flatten().map(|p| p.iter().sum::<f64>() / 10.0).collect());
    let at = |threshold: usize| mean(by_area[0].iter().flatten().map(|p| p[threshold]).collect());
    Summary {
        ap: average(0),
        ap50: at(0),
        ap75: at(5),
        small: average(1),
        medium: average(2),
        large: average(3),
        classes: by_area[0].iter().map(|p| p.map(|p| p.iter().sum::<f64>() / 10.0)).collect(),
    }
}

/// What became of a detection at each threshold.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Hit,
    Miss,
    Ignored,
}

/// AP of one class in one range of areas at each threshold; nothing if no object of it is in range.
fn class_precision(
    pictures: &[(Vec<Found>, Vec<Truth>)],
    class: usize,
    range: (f32, f32),
) -> Option<[f64; THRESHOLDS]> {
    let mut present = 0;
    let mut fates: Vec<(f32, [Fate; THRESHOLDS])> = Vec::new();
    for (found, truths) in pictures {
        let in_range = |b: &[f32; 4]| area(b) >= range.0 && area(b) <= range.1;
        // Objects in range first, because an object out of range is taken only if none in range fits.
        let mut truths: Vec<(&Truth, bool)> =
            truths.iter().filter(|t| t.class == class).map(|t| (t, !in_range(&t.bounds))).collect();
        truths.sort_by_key(|&(_, ignored)| ignored);
        present += truths.iter().filter(|(_, ignored)| !ignored).count();
        let mut found: Vec<&Found> = found.iter().filter(|f| f.class == class).collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found.truncate(MOST);
        let overlaps: Vec<Vec<f32>> =
            found.iter().map(|f| truths.iter().map(|(t, _)| iou(&f.bounds, &t.bounds)).collect()).collect();
        let start = fates.len();
        fates.extend(found.iter().map(|f| (f.score, [Fate::Miss; THRESHOLDS])));
        for threshold in 0..THRESHOLDS {
            let mut taken = vec![false; truths.len()];
            for (index, found) in found.iter().enumerate() {
                let mut best = (0.5 + 0.05 * threshold as f32).min(1.0 - 1e-10);
                let mut matched = None;
                for (t, &(_, ignored)) in truths.iter().enumerate() {
                    if taken[t] {
                        continue;
                    }
                    if ignored && matched.is_some_and(|m: usize| !truths[m].1) {
                        break;
                    }
                    if overlaps[index][t] >= best {
                        best = overlaps[index][t];
                        matched = Some(t);
                    }
                }
                fates[start + index].1[threshold] = match matched {
                    Some(t) => {
                        taken[t] = true;
                        if truths[t].1 { Fate::Ignored } else { Fate::Hit }
                    }
                    None if in_range(&found.bounds) => Fate::Miss,
                    None => Fate::Ignored,
                };
            }
        }
    }
    if present == 0 {
        return None;
    }
    fates.sort_by(|a, b| b.0.total_cmp(&a.0));
    Some(std::array::from_fn(|threshold| {
        average_precision(fates.iter().map(|(_, fate)| fate[threshold]).filter(|&f| f != Fate::Ignored), present)
    }))
}

/// The mean of the monotone precision at 101 recalls.
fn average_precision(fates: impl Iterator<Item = Fate>, present: usize) -> f64 {
    let (mut hits, mut seen) = (0usize, 0usize);
    let mut curve: Vec<(f64, f64)> = Vec::new();
    for fate in fates {
        seen += 1;
        hits += usize::from(fate == Fate::Hit);
        curve.push((hits as f64 / present as f64, hits as f64 / seen as f64));
    }
    for i in (1..curve.len()).rev() {
        curve[i - 1].1 = curve[i - 1].1.max(curve[i].1);
    }
    let mut at = 0;
    let mut sum = 0.0;
    for recall in 0..RECALLS {
        let recall = recall as f64 / 100.0;
        while at < curve.len() && curve[at].0 < recall {
            at += 1;
        }
        sum += curve.get(at).map_or(0.0, |point| point.1);
    }
    sum / RECALLS as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(class: usize, score: f32, bounds: [f32; 4]) -> Found {
        Found { class, score, bounds }
    }

    fn truth(class: usize, bounds: [f32; 4]) -> Truth {
        Truth { class, bounds }
    }

    /// Three pictures with hits of various quality, a double detection, a wrong class and objects of all three sizes.
    /// The expected figures are pycocotools 2.0's on the same boxes.
    #[test]
    fn figures_equal_pycocotools() {
        let pictures = [
            (
                vec![
                    found(0, 0.9, [12.0, 11.0, 61.0, 49.0]),
                    found(0, 0.8, [98.0, 25.0, 139.0, 66.0]),
                    found(0, 0.7, [12.0, 14.0, 58.0, 52.0]),
                    found(1, 0.6, [31.0, 79.0, 44.0, 97.0]),
                    found(1, 0.3, [100.0, 20.0, 140.0, 60.0]),
                ],
                vec![
                    truth(0, [10.0, 10.0, 60.0, 50.0]),
                    truth(0, [100.0, 20.0, 140.0, 60.0]),
                    truth(1, [30.0, 80.0, 45.0, 95.0]),
                ],
            ),
            (
                vec![
                    found(0, 0.95, [20.0, 10.0, 150.0, 130.0]),
                    found(1, 0.85, [58.0, 62.0, 92.0, 84.0]),
                    found(1, 0.4, [150.0, 5.0, 182.0, 44.0]),
                    found(0, 0.2, [60.0, 60.0, 90.0, 85.0]),
                ],
                vec![
                    truth(0, [5.0, 5.0, 150.0, 140.0]),
                    truth(1, [60.0, 60.0, 90.0, 85.0]),
                    truth(1, [160.0, 10.0, 180.0, 40.0]),
                ],
            ),
            (
                vec![
                    found(1, 0.75, [24.0, 30.0, 72.0, 70.0]),
                    found(1, 0.5, [18.0, 19.0, 71.0, 76.0]),
                    found(0, 0.1, [1.0, 1.0, 30.0, 30.0]),
                ],
                vec![truth(1, [20.0, 20.0, 70.0, 75.0])],
            ),
        ];
        let s = summarise(&pictures, 3);
        let near = |value: Option<f64>, expected: f64| {
            assert!((value.expect("present") - expected).abs() < 1e-6, "{value:?} {expected}");
        };
        near(s.ap, 0.510644);
        near(s.ap50, 0.876238);
        near(s.ap75, 0.522277);
        near(s.small, 0.365347);
        near(s.medium, 0.650743);
        near(s.large, 0.6);
        near(s.classes[0], 0.6);
        near(s.classes[1], 0.421287);
        assert_eq!(s.classes[2], None, "a class that never occurs has no AP");
    }

    #[test]
    fn nothing_to_find_has_no_figure() {
        let s = summarise(&[(vec![found(0, 0.5, [0.0, 0.0, 1.0, 1.0])], Vec::new())], 1);
        assert_eq!((s.ap, s.ap50, s.small), (None, None, None));
    }
}

//! Which detection found which object: greedily, the best score first, in each picture and class.

use rayon::prelude::*;

use super::{Found, Judged, MOST_DETECTIONS, Size, THRESHOLDS, Truth, overlap, overlap_with_crowd, threshold};

/// What became of a detection in one range of areas: a bit for each IoU threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fate {
    /// It found an object that counts.
    pub hit: u16,
    /// It is neither hit nor miss: what it found does not count, or it found nothing and is not in the range itself.
    pub ignored: u16,
}

/// A detection and what became of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outcome {
    pub score: f64,
    /// Position among the detections of its class in its picture, the best first.
    pub rank: u8,
    /// By range of areas.
    pub fates: [Fate; 4],
}

/// One class in one picture after matching.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Matched {
    /// Number of the picture.
    pub picture: usize,
    /// The best detections by falling score.
    pub outcomes: Vec<Outcome>,
    /// Objects that count, by range of areas.
    pub present: [usize; 4],
}

/// What there is of one class in one picture: indices, ascending.
#[derive(Clone, Debug, Default)]
struct Group {
    picture: usize,
    found: Vec<u32>,
    truths: Vec<u32>,
}

/// For each class the pictures in which it is found or there, in order. Classes from `classes` on are left out.
fn groups(pictures: &[Judged], classes: usize) -> Vec<Vec<Group>> {
    let mut by_class: Vec<Vec<Group>> = vec![Vec::new(); classes];
    let mut add = |picture: usize, class: usize, put: &dyn Fn(&mut Group)| {
        let Some(groups) = by_class.get_mut(class) else { return };
        if groups.last().is_none_or(|last| last.picture != picture) {
            groups.push(Group { picture, ..Group::default() });
        }
        groups.last_mut().into_iter().for_each(put);
    };
    for (number, picture) in pictures.iter().enumerate() {
        for (index, found) in picture.found.iter().enumerate() {
            add(number, found.class, &|group| group.found.push(index as u32));
        }
        for (index, truth) in picture.truths.iter().enumerate() {
            add(number, truth.class, &|group| group.truths.push(index as u32));
        }
    }
    by_class
}

/// Matches every class in every picture.
pub(super) fn match_all(pictures: &[Judged], classes: usize) -> Vec<Vec<Matched>> {
    let of_group = |group: &Group| match_group(group, &pictures[group.picture]);
    groups(pictures, classes).par_iter().map(|groups| groups.par_iter().map(of_group).collect()).collect()
}

/// Falling scores; equal ones stay in their order, and there is but one zero.
pub(super) fn by_score(a: f64, b: f64) -> std::cmp::Ordering {
    (b + 0.0).total_cmp(&(a + 0.0))
}

fn match_group(group: &Group, picture: &Judged) -> Matched {
    let mut found: Vec<&Found> = group.found.iter().map(|&index| &picture.found[index as usize]).collect();
    found.sort_by(|a, b| by_score(a.score, b.score));
    found.truncate(MOST_DETECTIONS);
    let truths: Vec<&Truth> = group.truths.iter().map(|&index| &picture.truths[index as usize]).collect();
    let overlaps: Vec<f64> = found
        .iter()
        .flat_map(|found| {
            truths.iter().map(|truth| {
                let measure = if truth.crowd { overlap_with_crowd } else { overlap };
                measure(&found.bbox, &truth.bbox)
            })
        })
        .collect();
    let mut outcomes: Vec<Outcome> = (found.iter().enumerate())
        .map(|(rank, found)| Outcome { score: found.score, rank: rank as u8, fates: [Fate::default(); 4] })
        .collect();
    let mut present = [0; 4];
    for (number, size) in Size::ALL.into_iter().enumerate() {
        let counts = |truth: &Truth| !truth.crowd && !truth.ignored && size.holds(truth.area);
        // Objects that count come first: another is taken only where none of them fits.
        let (counted, others): (Vec<usize>, Vec<usize>) = (0..truths.len()).partition(|&index| counts(truths[index]));
        present[number] = counted.len();
        for level in 0..THRESHOLDS {
            let mut taken = vec![false; truths.len()];
            for (index, outcome) in outcomes.iter_mut().enumerate() {
                let row = &overlaps[index * truths.len()..][..truths.len()];
                let free = |&&truth: &&usize| !taken[truth] || truths[truth].crowd;
                let matched = best(&mut counted.iter().filter(free), row, level)
                    .or_else(|| best(&mut others.iter().filter(free), row, level));
                let fate = &mut outcome.fates[number];
                match matched {
                    Some(truth) => {
                        taken[truth] = true;
                        let bit = if counts(truths[truth]) { &mut fate.hit } else { &mut fate.ignored };
                        *bit |= 1 << level;
                    }
                    None if !size.holds(found[index].bbox[2] * found[index].bbox[3]) => fate.ignored |= 1 << level,
                    None => {}
                }
            }
        }
    }
    Matched { picture: group.picture, outcomes, present }
}

/// The object that overlaps most, and enough; of equals the last.
fn best(truths: &mut dyn Iterator<Item = &usize>, overlaps: &[f64], level: usize) -> Option<usize> {
    let (mut most, mut matched) = (threshold(level).min(1.0 - 1e-10), None);
    for &truth in truths {
        if overlaps[truth] >= most {
            (most, matched) = (overlaps[truth], Some(truth));
        }
    }
    matched
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(score: f64, bbox: [f64; 4]) -> Found {
        Found { class: 0, score, bbox }
    }

    fn fates(found: Vec<Found>, truths: Vec<Truth>) -> Vec<Fate> {
        let matched = match_all(&[Judged { found, truths }], 1);
        matched[0][0].outcomes.iter().map(|outcome| outcome.fates[0]).collect()
    }

    const ALL: u16 = (1 << THRESHOLDS) - 1;

    #[test]
    fn a_crowd_takes_any_number_and_an_object_one() {
        let bbox = [0.0, 0.0, 10.0, 10.0];
        let twice = vec![found(0.9, bbox), found(0.8, bbox)];
        let object = Truth::new(0, bbox);
        assert_eq!(
            fates(twice.clone(), vec![object]),
            [Fate { hit: ALL, ignored: 0 }, Fate { hit: 0, ignored: 0 }],
            "the second is a miss"
        );
        // The crowd covers far more than the detections, whose own area alone is looked at.
        let crowd = Truth { crowd: true, ..Truth::new(0, [0.0, 0.0, 100.0, 100.0]) };
        assert_eq!(fates(twice.clone(), vec![crowd]), [Fate { hit: 0, ignored: ALL }; 2]);
        assert_eq!(
            fates(twice.clone(), vec![crowd, object]),
            [Fate { hit: ALL, ignored: 0 }, Fate { hit: 0, ignored: ALL }],
            "the object comes first, whatever the order"
        );
        let ignored = Truth { ignored: true, ..object };
        assert_eq!(
            fates(twice, vec![ignored]),
            [Fate { hit: 0, ignored: ALL }, Fate { hit: 0, ignored: 0 }],
            "an object that does not count still is but one"
        );
    }

    #[test]
    fn an_overlap_of_exactly_the_threshold_is_enough() {
        // Half of the object, and all of it inside: IoU 0.5.
        let fates = fates(vec![found(0.9, [0.0, 0.0, 10.0, 5.0])], vec![Truth::new(0, [0.0, 0.0, 10.0, 10.0])]);
        assert_eq!(fates, [Fate { hit: 1, ignored: 0 }]);
    }
}

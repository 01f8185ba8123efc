//! How often students are wrong in the way that the teacher is, with and without having heard it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::mistakes::{Mistake, Pair};
use super::{DRAWS, SEED};
use crate::evaluate::statistics::{Interval, bootstrap, mean_interval, paired_difference};

/// Kinds of mistakes that are listed, the commonest first.
const LISTED: usize = 12;
/// On fewer pictures nothing is said about a kind of mistake.
const LEAST: usize = 5;

/// What the figures say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tendency {
    /// Distilled students make the mistake more often than the control: the interval of the difference lies above 0, and
    /// the difference of each seed does.
    Inherited,
    /// They make it no more often than the control.
    NotInherited,
    /// More often, but inside the noise; or it is made on fewer than five pictures.
    Undecided,
}

/// How often the students of one arm make a mistake that the teacher makes: shares from 0 to 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Seed by seed.
    pub by_seed: Vec<f64>,
    /// Their mean, with its 95 % interval over pictures and seeds.
    pub mean: Option<Interval>,
}

/// One kind of mistake.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairInheritance {
    /// What is there; none for nothing.
    pub truth: Option<String>,
    /// What the teacher takes it for; none for nothing.
    pub answer: Option<String>,
    /// How often it does.
    pub mistakes: usize,
    /// How often distilled students do the same, the mean over seeds.
    pub distilled: f64,
    /// How often the control does.
    pub control: f64,
    /// Distilled minus control, with its 95 % interval over pictures and seeds.
    pub difference: Option<Interval>,
    /// What that says.
    pub tendency: Tendency,
}

/// P(student wrong in the same way | teacher wrong) of both arms.
///
/// Both other pictures and other seeds would change such a share. An interval therefore spans two: that of drawing pictures
/// again, with all mistakes in them (percentile bootstrap), and that of the mean over seeds (Student's t), which one seed
/// does not have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inheritance {
    /// The teacher's mistakes.
    pub mistakes: usize,
    /// Pictures that they are on.
    pub pictures: usize,
    /// Students that heard the teacher.
    pub distilled: Rates,
    /// Students that did not.
    pub control: Rates,
    /// Distilled minus control.
    pub difference: Option<Interval>,
    /// What that says.
    pub tendency: Tendency,
    /// By kind of mistake, the commonest first.
    pub pairs: Vec<PairInheritance>,
}

/// The mistakes on one picture, and how many of them each student shares.
#[derive(Default)]
struct OnPicture {
    mistakes: usize,
    distilled: Vec<usize>,
    control: Vec<usize>,
}

/// Some mistakes, by picture.
struct Counted(Vec<OnPicture>);

impl Counted {
    fn new(mistakes: &[(usize, &Mistake)], distilled: &[Vec<bool>], control: &[Vec<bool>]) -> Counted {
        let mut pictures: BTreeMap<usize, OnPicture> = BTreeMap::new();
        for (index, mistake) in mistakes {
            let on = pictures.entry(mistake.picture).or_default();
            on.mistakes += 1;
            for (counts, arm) in [(&mut on.distilled, distilled), (&mut on.control, control)] {
                counts.resize(arm.len(), 0);
                counts.iter_mut().zip(arm).for_each(|(count, shared)| *count += usize::from(shared[*index]));
            }
        }
        Counted(pictures.into_values().collect())
    }

    /// The share of mistakes, on pictures that are there so many times, that students share.
    fn share(&self, times: &[u32], shared: impl Fn(&OnPicture) -> f64) -> Option<f64> {
        let sum = |value: &dyn Fn(&OnPicture) -> f64| -> f64 {
            self.0.iter().zip(times).map(|(on, &times)| f64::from(times) * value(on)).sum()
        };
        let all = sum(&|on| on.mistakes as f64);
        (all > 0.0).then(|| sum(&shared) / all)
    }

    fn interval(&self, shared: impl Fn(&OnPicture) -> f64 + Sync) -> Option<Interval> {
        bootstrap(self.0.len(), DRAWS, SEED, |times| self.share(times, &shared))
    }

    fn rates(&self, arm: impl Fn(&OnPicture) -> &[usize] + Sync) -> Rates {
        let seeds = self.0.first().map_or(0, |on| arm(on).len());
        let once = vec![1; self.0.len()];
        let by_seed: Vec<f64> = (0..seeds).filter_map(|seed| self.share(&once, |on| arm(on)[seed] as f64)).collect();
        let mean = if seeds > 0 { self.interval(|on| average(arm(on))) } else { None };
        let mean = spanning(mean, mean_interval(&by_seed), [0.0, 1.0]);
        Rates { by_seed, mean }
    }

    fn difference(&self, distilled: &Rates, control: &Rates) -> (Option<Interval>, Tendency) {
        let both = distilled.mean.is_some() && control.mean.is_some();
        let difference = self.interval(|on| average(&on.distilled) - average(&on.control)).filter(|_| both);
        let over_seeds = paired_difference(&distilled.by_seed, &control.by_seed);
        let difference = spanning(difference, over_seeds, [-1.0, 1.0]);
        let all_more = distilled.by_seed.iter().zip(&control.by_seed).all(|(d, c)| d > c);
        let tendency = match difference {
            _ if self.0.len() < LEAST => Tendency::Undecided,
            Some(d) if d.low > 0.0 && all_more => Tendency::Inherited,
            Some(d) if d.value <= 0.0 => Tendency::NotInherited,
            _ => Tendency::Undecided,
        };
        (difference, tendency)
    }
}

/// The least interval that holds both, within bounds.
fn spanning(pictures: Option<Interval>, seeds: Option<Interval>, [least, most]: [f64; 2]) -> Option<Interval> {
    let (pictures, seeds) = (pictures?, seeds?);
    let (low, high) = (pictures.low.min(seeds.low), pictures.high.max(seeds.high));
    Some(Interval { value: pictures.value, low: low.max(least), high: high.min(most) })
}

fn average(counts: &[usize]) -> f64 {
    counts.iter().sum::<usize>() as f64 / counts.len().max(1) as f64
}

impl Inheritance {
    /// From the teacher's mistakes, and for each student of both arms which of them it shares; seeds in the same order.
    pub fn new(
        mistakes: &[Mistake],
        distilled: &[Vec<bool>],
        control: &[Vec<bool>],
        classes: &[String],
    ) -> Inheritance {
        let numbered: Vec<(usize, &Mistake)> = mistakes.iter().enumerate().collect();
        let counted = Counted::new(&numbered, distilled, control);
        let rates = |counted: &Counted| (counted.rates(|on| &on.distilled), counted.rates(|on| &on.control));
        let (of_distilled, of_control) = rates(&counted);
        let (difference, tendency) = counted.difference(&of_distilled, &of_control);
        let mut kinds: BTreeMap<Pair, Vec<(usize, &Mistake)>> = BTreeMap::new();
        numbered.iter().for_each(|&one| kinds.entry(one.1.pair).or_default().push(one));
        let name = |class: Option<usize>| class.map(|class| classes.get(class).cloned().unwrap_or_default());
        let mut pairs: Vec<PairInheritance> = (kinds.into_iter())
            .map(|(pair, of_kind)| {
                let counted = Counted::new(&of_kind, distilled, control);
                let (of_distilled, of_control) = rates(&counted);
                let (difference, tendency) = counted.difference(&of_distilled, &of_control);
                let mean = |rates: &Rates| rates.mean.map_or(0.0, |mean| mean.value);
                PairInheritance {
                    truth: name(pair.truth),
                    answer: name(pair.answer),
                    mistakes: of_kind.len(),
                    distilled: mean(&of_distilled),
                    control: mean(&of_control),
                    difference,
                    tendency,
                }
            })
            .collect();
        pairs.sort_by_key(|pair| std::cmp::Reverse(pair.mistakes));
        pairs.truncate(LISTED);
        Inheritance {
            mistakes: mistakes.len(),
            pictures: counted.0.len(),
            distilled: of_distilled,
            control: of_control,
            difference,
            tendency,
            pairs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(pairs: &[(usize, usize, usize)]) -> Vec<Mistake> {
        let of = |&(picture, truth, answer): &(usize, usize, usize)| Mistake {
            picture,
            pair: Pair { truth: Some(truth), answer: Some(answer) },
        };
        pairs.iter().map(of).collect()
    }

    #[test]
    fn what_only_those_who_heard_the_teacher_do_is_inherited() {
        // Six times 0 for 1, which both distilled students repeat and no control does; six times 1 for 0, which one
        // control of two repeats.
        let kinds: Vec<_> =
            (0..12).map(|picture| if picture < 6 { (picture, 0, 1) } else { (picture, 1, 0) }).collect();
        let first_six: Vec<bool> = (0..12).map(|index| index < 6).collect();
        let last_six: Vec<bool> = (0..12).map(|index| index >= 6).collect();
        let names = ["a".to_owned(), "b".to_owned()];
        let distilled = [first_six.clone(), first_six];
        let i = Inheritance::new(&mistakes(&kinds), &distilled, &[vec![false; 12], last_six], &names);
        assert_eq!((i.mistakes, i.pictures), (12, 12));
        assert_eq!((&i.distilled.by_seed[..], &i.control.by_seed[..]), (&[0.5, 0.5][..], &[0.0, 0.5][..]));
        assert_eq!(i.difference.map(|difference| difference.value), Some(0.25));
        // Differences of 0.5 and 0 by seed: 0.25 ± 12.706·0.354/√2, beyond what is possible.
        assert_eq!(i.difference.map(|difference| (difference.low, difference.high)), Some((-1.0, 1.0)));
        assert_eq!(i.tendency, Tendency::Undecided, "the second seed shows no difference");
        let kinds: Vec<_> = i.pairs.iter().map(|p| (p.truth.as_deref(), p.distilled, p.control, p.tendency)).collect();
        let expected = [(Some("a"), 1.0, 0.0, Tendency::Inherited), (Some("b"), 0.0, 0.5, Tendency::NotInherited)];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn several_mistakes_on_one_picture_are_one_case() {
        let many: Vec<_> = (0..9).map(|_| (0, 0, 1)).collect();
        let i = Inheritance::new(&mistakes(&many), &[vec![true; 9]], &[vec![false; 9]], &[]);
        assert_eq!((i.mistakes, i.pictures, i.tendency), (9, 1, Tendency::Undecided));
        assert_eq!(i.difference.map(|d| (d.low, d.value, d.high)), Some((1.0, 1.0, 1.0)));
    }

    #[test]
    fn without_mistakes_there_is_nothing_to_inherit() {
        let i = Inheritance::new(&[], &[vec![]], &[vec![]], &[]);
        assert_eq!((i.mistakes, i.distilled.mean, i.difference), (0, None, None));
        let alone = Inheritance::new(&mistakes(&[(0, 0, 1)]), &[vec![true]], &[], &[]);
        assert_eq!((alone.distilled.by_seed, alone.difference), (vec![1.0], None));
    }
}

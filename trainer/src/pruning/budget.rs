//! Cutting to a budget: again and again what loses least for what it saves.

use super::cost::Loads;
use super::groups::Group;
use super::saliency::Judge;

/// How far layers may be cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// What is left of a layer's channels is a multiple of this, which the kernels fill their registers with.
    pub multiple: usize,
    /// The least share of a group's channels that is left.
    pub floor: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { multiple: 8, floor: 0.125 }
    }
}

/// One cut.
#[derive(Clone, Debug, PartialEq)]
pub struct Cut {
    /// The group, by its place.
    pub group: usize,
    /// Its units that go, by their places.
    pub units: Vec<usize>,
    /// What that loses, in the measure of whoever judges.
    pub lost: f64,
    /// Multiply-accumulates that it saves.
    pub saved: f64,
}

/// Units that go from a group of which so many are left, so that a multiple is left; none where it is as narrow as it may be.
fn step(group: &Group, left: usize, limits: Limits) -> Option<usize> {
    let multiple = limits.multiple.div_ceil(group.each).max(1);
    let least = multiple.max((limits.floor * group.units.len() as f64).ceil() as usize);
    let next = (left - 1) / multiple * multiple;
    (left > 1 && next >= least).then(|| left - next)
}

/// All cuts in their order, from the whole model on until `enough` says so of what is left, or until nothing can be cut.
pub fn cuts(
    groups: &[Group],
    loads: &mut Loads,
    judge: &mut dyn Judge,
    limits: Limits,
    enough: &mut dyn FnMut(&Loads) -> bool,
) -> Vec<Cut> {
    let mut left: Vec<Vec<usize>> = groups.iter().map(|group| (0..group.units.len()).collect()).collect();
    let mut known: Vec<Option<(Vec<usize>, f64)>> = vec![None; groups.len()];
    let mut all = Vec::new();
    while !enough(loads) {
        let mut best: Option<(f64, Cut)> = None;
        for (place, group) in groups.iter().enumerate() {
            let Some(count) = step(group, left[place].len(), limits) else { continue };
            let (units, lost) = known[place].get_or_insert_with(|| judge.next(place, &left[place], count)).clone();
            let mut after = loads.clone();
            units.iter().for_each(|unit| after.drop(&group.units[*unit]));
            let price = lost.max(0.0) / (loads.weighed() - after.weighed()).max(f64::MIN_POSITIVE);
            if best.as_ref().is_none_or(|(least, _)| price < *least) {
                let saved = loads.macs() - after.macs();
                best = Some((price, Cut { group: place, units, lost, saved }));
            }
        }
        let Some((_, cut)) = best else { break };
        cut.units.iter().for_each(|unit| loads.drop(&groups[cut.group].units[*unit]));
        left[cut.group].retain(|unit| !cut.units.contains(unit));
        judge.gone(cut.group, &cut.units);
        for (place, known) in known.iter_mut().enumerate() {
            if place == cut.group || judge.touches(place, cut.group) {
                *known = None;
            }
        }
        all.push(cut);
    }
    all
}

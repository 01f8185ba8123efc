//! Embeddings of the pictures that were learned from become prototypes with radii.

use retort::contract::Coverage;
use retort::vision::novelty;

use super::kmeans::cluster;
use crate::data::Rng;
use crate::nets::EMBEDDING;
use crate::recipe;

/// Pictures that a prototype stands for on average, at least: a radius of fewer says little.
const PICTURES: usize = 8;
/// What a channel counts as having varied by at least, as a share of what channels usually do: the rest is the rounding of
/// int8, and a channel that never varied must not decide alone.
const LEAST: f32 = 0.1;
/// The least radius, in deviations.
const LEAST_RADIUS: f32 = 1.0;

/// What was learned about the pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// For the contract.
    pub coverage: Coverage,
    /// Pictures of each prototype.
    pub members: Vec<usize>,
}

/// Prototypes of embeddings, all of one length; `None` of none. Groups are sought in units of each channel's deviation over all
/// pictures; distances are then in units of its deviation within the groups, so that a place between two groups is far from both.
/// Every number has four digits, which is what the radii are measured with.
pub fn fit(embeddings: &[Vec<f32>], wanted: &recipe::Coverage, rng: &mut Rng) -> Option<Fitted> {
    let channels = embeddings.first()?.len();
    let mean: Vec<f32> = (0..channels)
        .map(|channel| (embeddings.iter().map(|e| f64::from(e[channel])).sum::<f64>() / embeddings.len() as f64) as f32)
        .collect();
    let overall = deviations(embeddings, |_| &mean);
    let scale = |embedding: &Vec<f32>| embedding.iter().zip(&overall).map(|(x, deviation)| x / deviation).collect();
    let scaled: Vec<Vec<f32>> = embeddings.iter().map(scale).collect();
    let count = wanted.prototypes.min(embeddings.len() / PICTURES).max(1);
    let clusters = cluster(&scaled, count, rng);
    let unscale =
        |centre: &Vec<f32>| centre.iter().zip(&overall).map(|(x, deviation)| four_digits(x * deviation)).collect();
    let prototypes: Vec<Vec<f32>> = clusters.centres.iter().map(unscale).collect();
    let within = deviations(embeddings, |place| &prototypes[clusters.group[place]]);
    let mut coverage = Coverage {
        output: EMBEDDING.to_owned(),
        quantile: wanted.quantile as f32,
        deviations: within,
        radii: Vec::new(),
        prototypes,
    };
    let mut distances: Vec<Vec<f32>> = vec![Vec::new(); coverage.prototypes.len()];
    for embedding in embeddings {
        let all = coverage.prototypes.iter().map(|prototype| coverage.distance(prototype, embedding)).enumerate();
        if let Some((place, distance)) = all.min_by(|(_, a), (_, b)| a.total_cmp(b)) {
            distances[place].push(distance);
        }
    }
    // In the other units a prototype may be the nearest of no picture.
    let mut own = distances.iter().map(|own| !own.is_empty());
    coverage.prototypes.retain(|_| own.next() == Some(true));
    distances.retain(|own| !own.is_empty());
    // A prototype of few pictures knows little about how far its like may be: at least as far as is usual.
    let floor = quantile(distances.concat(), 0.5).max(LEAST_RADIUS);
    let members = distances.iter().map(Vec::len).collect();
    // A little wider, so that the fourth digit never shuts out the picture that made the radius.
    let radius = |distances| four_digits(1.001 * quantile(distances, wanted.quantile).max(floor));
    coverage.radii = distances.into_iter().map(radius).collect();
    Some(Fitted { coverage, members })
}

/// The share of embeddings that are unlike all prototypes, 0 to 1; `None` of none.
pub fn flagged(coverage: &Coverage, embeddings: &[Vec<f32>]) -> Option<f64> {
    let unlike = embeddings.iter().filter(|embedding| coverage.novelty(embedding) > 1.0).count();
    (!embeddings.is_empty()).then(|| unlike as f64 / embeddings.len() as f64)
}

/// By how much each channel deviates from what `centre` says of each embedding.
fn deviations<'a>(embeddings: &[Vec<f32>], centre: impl Fn(usize) -> &'a Vec<f32>) -> Vec<f32> {
    let mut squares: Vec<f64> = Vec::new();
    for (place, embedding) in embeddings.iter().enumerate() {
        squares.resize(embedding.len(), 0.0);
        for (square, (x, centre)) in squares.iter_mut().zip(embedding.iter().zip(centre(place))) {
            *square += f64::from(x - centre).powi(2);
        }
    }
    let count = embeddings.len().max(1) as f64;
    let usual = (squares.iter().sum::<f64>() / count / squares.len().max(1) as f64).sqrt() as f32;
    // Pictures that are all the same say nothing about what varies.
    let least = if usual > 1e-6 { LEAST * usual } else { 1.0 };
    squares.into_iter().map(|square| four_digits(((square / count).sqrt() as f32).max(least))).collect()
}

/// The value that a share of the values does not exceed, between two of them where it falls there (Hyndman and Fan 1996,
/// definition 7): the largest of few values is an outlier more often than not. 0 of none.
fn quantile(mut values: Vec<f32>, share: f64) -> f32 {
    values.sort_by(f32::total_cmp);
    let place = share * values.len().saturating_sub(1) as f64;
    let at = |place: f64| values.get(place as usize).copied().unwrap_or(0.0);
    let (low, high) = (at(place.floor()), at(place.ceil()));
    low + (high - low) * place.fract() as f32
}

/// A number rounded to four digits, as short as they are written.
fn four_digits(x: f32) -> f32 {
    format!("{x:.3e}").parse().unwrap_or(x).clamp(-novelty::MOST, novelty::MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(prototypes: usize, quantile: f64) -> recipe::Coverage {
        recipe::Coverage { prototypes, quantile }
    }

    #[test]
    fn quantiles_lie_between_ranks() {
        let values: Vec<f32> = (0..=100).rev().map(|i| i as f32).collect();
        assert_eq!((quantile(values.clone(), 0.99), quantile(values.clone(), 1.0)), (99.0, 100.0));
        assert_eq!((quantile(values, 0.5), quantile(vec![2.0, 1.0], 0.25)), (50.0, 1.25));
        assert_eq!((quantile(vec![3.0], 0.99), quantile(vec![], 0.5)), (3.0, 0.0));
        assert_eq!((four_digits(0.123_456), four_digits(-98_765.4)), (0.1235, -98_770.0));
    }

    #[test]
    fn one_channel_by_hand() {
        let embeddings: Vec<Vec<f32>> = [2.0, 6.0, 14.0, 18.0].repeat(2).into_iter().map(|x| vec![x]).collect();
        let fitted = fit(&embeddings, &wanted(16, 1.0), &mut Rng::new(&[1])).expect("fitted");
        // Eight pictures make one prototype. Variance (64 + 16) / 2 = 40.
        assert_eq!((fitted.members.as_slice(), fitted.coverage.prototypes[0].as_slice()), (&[8][..], &[10.0][..]));
        assert!((fitted.coverage.deviations[0] - 40f32.sqrt()).abs() < 1e-2);
        assert!((fitted.coverage.radii[0] - 8.0 / 40f32.sqrt()).abs() < 1e-2);
        assert_eq!(flagged(&fitted.coverage, &embeddings), Some(0.0));
        assert_eq!(flagged(&fitted.coverage, &[vec![1.0], vec![10.0], vec![19.5], vec![18.0]]), Some(0.5));
        assert_eq!(flagged(&fitted.coverage, &[]), None);
    }

    #[test]
    fn a_share_of_the_pictures_is_beyond_its_radius() {
        let mut rng = Rng::new(&[5]);
        let mut heap = |x: f32| (0..200).map(|_| vec![x + rng.normal(), rng.normal(), 0.0]).collect::<Vec<_>>();
        let learned = [heap(0.0), heap(50.0)].concat();
        let fresh = [heap(0.0), heap(50.0)].concat();
        let fitted = fit(&learned, &wanted(2, 0.95), &mut Rng::new(&[2])).expect("fitted");
        assert_eq!(fitted.members, [200, 200]);
        let shares = [&learned, &fresh].map(|set| flagged(&fitted.coverage, set).expect("some"));
        assert!((shares[0] - 0.05).abs() < 0.016 && (0.01..0.12).contains(&shares[1]), "{shares:?}");
        // Between the heaps, and in a channel that never varied.
        let others = [vec![25.0, 0.0, 0.0], vec![0.0, 0.0, 60.0]];
        assert_eq!(flagged(&fitted.coverage, &others), Some(1.0));
        assert_eq!(fit(&learned, &wanted(2, 0.95), &mut Rng::new(&[2])), Some(fitted));
    }

    #[test]
    fn pictures_that_are_all_the_same_have_a_radius() {
        let fitted = fit(&vec![vec![1.0, 0.0]; 3], &wanted(4, 0.99), &mut Rng::new(&[1])).expect("fitted");
        assert_eq!((fitted.coverage.prototypes.len(), fitted.coverage.deviations.as_slice()), (1, &[1.0, 1.0][..]));
        assert!((1.0..1.01).contains(&fitted.coverage.radii[0]));
        assert_eq!(fit(&[], &wanted(4, 0.99), &mut Rng::new(&[1])), None);
    }
}

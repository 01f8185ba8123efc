//! k-means (Lloyd 1982), seeded by k-means++ (Arthur and Vassilvitskii 2007): deterministic for a seed.

use crate::data::Rng;

/// Rounds after which centres have long settled.
const ROUNDS: usize = 100;

/// Points in groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Clusters {
    /// The mean of each group.
    pub centres: Vec<Vec<f32>>,
    /// The group of each point.
    pub group: Vec<usize>,
}

/// Groups points of one length each into at most `count` groups, none of them empty: fewer where fewer points differ.
pub fn cluster(points: &[Vec<f32>], count: usize, rng: &mut Rng) -> Clusters {
    let mut centres = seeds(points, count, rng);
    let mut group = assign(points, &centres);
    for _ in 0..ROUNDS {
        centres = means(points, &group, &centres);
        let next = assign(points, &centres);
        if next == group {
            break;
        }
        group = next;
    }
    // A group that has lost all its points to others says nothing.
    let mut kept = Vec::new();
    let mut renamed = vec![0; centres.len()];
    for (place, centre) in centres.into_iter().enumerate() {
        if group.contains(&place) {
            renamed[place] = kept.len();
            kept.push(centre);
        }
    }
    Clusters { centres: kept, group: group.into_iter().map(|place| renamed[place]).collect() }
}

/// The first centre is any point, each further one a point drawn with the square of its distance to the nearest centre so far.
fn seeds(points: &[Vec<f32>], count: usize, rng: &mut Rng) -> Vec<Vec<f32>> {
    let Some(first) = points.get(rng.below(points.len())) else { return Vec::new() };
    let mut centres = vec![first.clone()];
    let mut nearest: Vec<f64> = points.iter().map(|point| square(point, first)).collect();
    while centres.len() < count {
        let total: f64 = nearest.iter().sum();
        if total <= 0.0 {
            break;
        }
        let mut rest = f64::from(rng.unit()) * total;
        let drawn = nearest.iter().position(|&weight| {
            rest -= weight;
            rest < 0.0
        });
        // Rounding may leave a little; the last point that is no centre yet has it.
        let drawn = drawn.or_else(|| nearest.iter().rposition(|&weight| weight > 0.0)).unwrap_or(0);
        let centre = points[drawn].clone();
        for (nearest, point) in nearest.iter_mut().zip(points) {
            *nearest = nearest.min(square(point, &centre));
        }
        centres.push(centre);
    }
    centres
}

/// The nearest centre of each point, the first of equally near ones.
fn assign(points: &[Vec<f32>], centres: &[Vec<f32>]) -> Vec<usize> {
    let nearest = |point: &Vec<f32>| {
        let squares = centres.iter().map(|centre| square(point, centre)).enumerate();
        squares.min_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(place, _)| place)
    };
    points.iter().map(nearest).collect()
}

/// The mean of each group; of an empty one, the centre that it had.
fn means(points: &[Vec<f32>], group: &[usize], before: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let mut sums: Vec<(Vec<f64>, f64)> = before.iter().map(|centre| (vec![0.0; centre.len()], 0.0)).collect();
    for (point, &place) in points.iter().zip(group) {
        let (sum, count) = &mut sums[place];
        sum.iter_mut().zip(point).for_each(|(sum, &value)| *sum += f64::from(value));
        *count += 1.0;
    }
    let mean = |((sum, count), before): ((Vec<f64>, f64), &Vec<f32>)| match count {
        0.0 => before.clone(),
        count => sum.into_iter().map(|sum| (sum / count) as f32).collect(),
    };
    sums.into_iter().zip(before).map(mean).collect()
}

/// The square of the distance.
fn square(a: &[f32], b: &[f32]) -> f64 {
    f64::from(a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(mut centres: Vec<Vec<f32>>) -> Vec<Vec<f32>> {
        centres.sort_by(|a, b| a[0].total_cmp(&b[0]));
        centres
    }

    #[test]
    fn three_heaps_are_found_from_any_seed() {
        let heap = |x: f32, y: f32| [[0.0, 1.0], [1.0, 0.0], [0.0, -1.0], [-1.0, 0.0]].map(|[a, b]| vec![x + a, y + b]);
        let points = [heap(0.0, 0.0), heap(100.0, 0.0), heap(200.0, 50.0)].concat();
        for seed in 0..20 {
            let clusters = cluster(&points, 3, &mut Rng::new(&[seed]));
            assert_eq!(sorted(clusters.centres.clone()), [[0.0, 0.0], [100.0, 0.0], [200.0, 50.0]]);
            assert!(clusters.group.chunks(4).all(|heap| heap.iter().all(|place| *place == heap[0])));
            assert_eq!(cluster(&points, 3, &mut Rng::new(&[seed])), clusters);
        }
    }

    #[test]
    fn a_mean_is_where_it_is_by_hand() {
        let points = [0.0, 2.0, 10.0, 11.0, 12.0].map(|x| vec![x]);
        let clusters = cluster(&points, 2, &mut Rng::new(&[1]));
        assert_eq!(sorted(clusters.centres), [[1.0], [11.0]]);
    }

    #[test]
    fn there_are_no_more_groups_than_points_that_differ() {
        let points = vec![vec![1.0, 2.0]; 5];
        let clusters = cluster(&points, 4, &mut Rng::new(&[1]));
        assert_eq!((clusters.centres.len(), clusters.group), (1, vec![0; 5]));
        assert_eq!(cluster(&[], 4, &mut Rng::new(&[1])).centres.len(), 0);
    }
}

//! Spreads and histograms of what was measured.

use serde::Serialize;

/// How numbers are spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The least.
    pub least: f32,
    /// A tenth is not greater.
    pub p10: f32,
    /// Half is not greater.
    pub median: f32,
    /// Nine tenths are not greater.
    pub p90: f32,
    /// The greatest.
    pub most: f32,
}

impl Spread {
    /// Of numbers; `None` where there is none.
    pub fn of(numbers: impl IntoIterator<Item = f32>) -> Option<Spread> {
        let mut numbers: Vec<f32> = numbers.into_iter().collect();
        numbers.sort_unstable_by(f32::total_cmp);
        let last = numbers.len().checked_sub(1)?;
        let at = |share: f64| numbers[(share * last as f64).round() as usize];
        Some(Spread { least: at(0.0), p10: at(0.1), median: at(0.5), p90: at(0.9), most: at(1.0) })
    }
}

/// How many numbers lie from one edge to below the next.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Histogram {
    /// Edges, rising; the last class has no upper one.
    pub edges: Vec<f32>,
    /// A count for each edge. What is below the first counts with it.
    pub counts: Vec<usize>,
}

impl Histogram {
    /// Counts numbers.
    pub fn of(edges: &[f32], numbers: impl IntoIterator<Item = f32>) -> Histogram {
        let mut counts = vec![0; edges.len()];
        for number in numbers {
            let class = edges.iter().rposition(|&edge| number >= edge).unwrap_or(0);
            counts[class] += 1;
        }
        Histogram { edges: edges.to_vec(), counts }
    }

    /// The bounds of a class in words, as `8–16` or `256 –`.
    pub fn range(&self, class: usize) -> String {
        match self.edges.get(class + 1) {
            Some(next) => format!("{}–{next}", self.edges[class]),
            None => format!("{} –", self.edges[class]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_are_those_of_the_numbers() {
        let spread = Spread::of((0..=100).rev().map(|i| i as f32));
        assert_eq!(spread, Some(Spread { least: 0.0, p10: 10.0, median: 50.0, p90: 90.0, most: 100.0 }));
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn classes_reach_to_below_the_next_edge() {
        let histogram = Histogram::of(&[0.0, 8.0, 16.0], [-1.0, 0.0, 7.9, 8.0, 16.0, 1e9]);
        assert_eq!(histogram.counts, [3, 1, 2]);
        assert_eq!((histogram.range(0).as_str(), histogram.range(2).as_str()), ("0–8", "16 –"));
    }
}

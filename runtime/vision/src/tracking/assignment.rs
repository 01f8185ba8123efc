//! Who belongs to whom: pairs of rows and columns of the least cost in all.
//!
//! The Hungarian method with potentials (Kuhn 1955; Jonker and Volgenant 1987 for the shortest augmenting paths), in
//! memory that is taken once. A row may stay alone, at a price: that is what a limit on the cost of a pair means, and with
//! it every problem has a solution.

/// Cost of a pair that may not be; rows stay alone before they take one.
const FORBIDDEN: f64 = 1e9;

/// Solves assignments in memory of its own. Does not allocate while no problem is larger than what it was made for.
#[derive(Debug, Default)]
pub struct Assignment {
    row_potentials: Vec<f64>,
    column_potentials: Vec<f64>,
    /// The row of each column, from 1; 0 for none. Columns count from 1, too.
    row_of: Vec<usize>,
    came_from: Vec<usize>,
    shortest: Vec<f64>,
    reached: Vec<bool>,
    costs: Vec<f64>,
    pairs: Vec<Option<usize>>,
}

impl Assignment {
    /// Memory for problems of up to so many rows and columns.
    pub fn with_capacity(rows: usize, columns: usize) -> Assignment {
        let wide = rows + columns + 1;
        Assignment {
            row_potentials: Vec::with_capacity(rows + 1),
            column_potentials: Vec::with_capacity(wide),
            row_of: Vec::with_capacity(wide),
            came_from: Vec::with_capacity(wide),
            shortest: Vec::with_capacity(wide),
            reached: Vec::with_capacity(wide),
            costs: Vec::with_capacity(rows * columns),
            pairs: Vec::with_capacity(rows),
        }
    }

    /// The column of each row, or none, so that the costs of all pairs, and `limit` for each row that stays alone, are least
    /// in sum. No pair costs `limit` or more; a cost that is not finite forbids a pair.
    pub fn solve(
        &mut self,
        rows: usize,
        columns: usize,
        limit: f64,
        cost: impl Fn(usize, usize) -> f64,
    ) -> &[Option<usize>] {
        self.costs.clear();
        for row in 0..rows {
            let allowed = |cost: f64| if cost < limit { cost } else { FORBIDDEN };
            self.costs.extend((0..columns).map(|column| allowed(cost(row, column))));
        }
        let wide = columns + rows;
        reset(&mut self.row_potentials, rows + 1, 0.0);
        reset(&mut self.column_potentials, wide + 1, 0.0);
        reset(&mut self.row_of, wide + 1, 0);
        reset(&mut self.came_from, wide + 1, 0);
        for row in 1..=rows {
            self.augment(row, columns, wide, limit);
        }
        reset(&mut self.pairs, rows, None);
        for column in 1..=columns {
            if self.row_of[column] > 0 {
                self.pairs[self.row_of[column] - 1] = Some(column - 1);
            }
        }
        &self.pairs
    }

    /// Finds a column for one more row, along the shortest path on which others have to move.
    fn augment(&mut self, row: usize, columns: usize, wide: usize, limit: f64) {
        // Columns behind the real ones stand for staying alone: there is one for each row.
        self.row_of[0] = row;
        reset(&mut self.shortest, wide + 1, f64::INFINITY);
        reset(&mut self.reached, wide + 1, false);
        let mut at = 0;
        loop {
            self.reached[at] = true;
            let (from, mut step, mut next) = (self.row_of[at], f64::INFINITY, 0);
            for column in 1..=wide {
                if self.reached[column] {
                    continue;
                }
                let cost = if column <= columns { self.costs[(from - 1) * columns + column - 1] } else { limit };
                let reduced = cost - self.row_potentials[from] - self.column_potentials[column];
                if reduced < self.shortest[column] {
                    (self.shortest[column], self.came_from[column]) = (reduced, at);
                }
                if self.shortest[column] < step {
                    (step, next) = (self.shortest[column], column);
                }
            }
            for column in 0..=wide {
                if self.reached[column] {
                    self.row_potentials[self.row_of[column]] += step;
                    self.column_potentials[column] -= step;
                } else {
                    self.shortest[column] -= step;
                }
            }
            at = next;
            if self.row_of[at] == 0 {
                break;
            }
        }
        while at != 0 {
            let before = self.came_from[at];
            self.row_of[at] = self.row_of[before];
            at = before;
        }
    }
}

fn reset<T: Clone>(values: &mut Vec<T>, length: usize, value: T) {
    values.clear();
    values.resize(length, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn total(pairs: &[Option<usize>], costs: &[Vec<f64>], limit: f64) -> f64 {
        pairs.iter().enumerate().map(|(row, column)| column.map_or(limit, |column| costs[row][column])).sum()
    }

    /// The least sum over all ways there are.
    fn least(costs: &[Vec<f64>], row: usize, taken: &mut Vec<bool>, limit: f64) -> f64 {
        if row == costs.len() {
            return 0.0;
        }
        let mut best = limit + least(costs, row + 1, taken, limit);
        for column in 0..taken.len() {
            if !taken[column] && costs[row][column] < limit {
                taken[column] = true;
                best = best.min(costs[row][column] + least(costs, row + 1, taken, limit));
                taken[column] = false;
            }
        }
        best
    }

    #[test]
    fn the_whole_counts_and_not_the_best_pair() {
        let costs = [vec![0.1, 0.2], vec![0.15, 0.9]];
        let mut assignment = Assignment::with_capacity(2, 2);
        assert_eq!(assignment.solve(2, 2, 1.0, |r, c| costs[r][c]), [Some(1), Some(0)]);
        assert_eq!(assignment.solve(2, 2, 0.12, |r, c| costs[r][c]), [Some(0), None]);
        assert_eq!(assignment.solve(2, 0, 0.12, |_, _| 0.0), [None, None]);
        assert!(assignment.solve(0, 2, 0.12, |_, _| 0.0).is_empty());
        assert_eq!(assignment.solve(1, 2, 1.0, |_, c| [f64::NAN, f64::INFINITY][c]), [None]);
    }

    proptest! {
        #[test]
        fn no_other_way_costs_less(
            costs in (1usize..6, 0usize..6)
                .prop_flat_map(|(rows, columns)| proptest::collection::vec(proptest::collection::vec(0.0..1.5f64, columns), rows)),
            limit in 0.1..1.2f64,
        ) {
            let columns = costs[0].len();
            let mut assignment = Assignment::default();
            let pairs = assignment.solve(costs.len(), columns, limit, |r, c| costs[r][c]).to_vec();
            let mut used = vec![false; columns];
            for column in pairs.iter().flatten() {
                prop_assert!(!used[*column]);
                used[*column] = true;
            }
            prop_assert!((total(&pairs, &costs, limit) - least(&costs, 0, &mut vec![false; columns], limit)).abs() < 1e-9);
        }
    }
}

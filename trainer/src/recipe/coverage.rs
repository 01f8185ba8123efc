//! The table `[coverage]`.

use serde::{Deserialize, Serialize};

/// The most prototypes: they travel in the file, and a board compares every frame with all of them.
const MOST: usize = 256;

/// What the student remembers of the pictures that it learned from, so that a board can tell a frame that is like none of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Prototypes of the pictures; 16 do for most sets. With 0 there are none, and the file has no output `embedding`.
    pub prototypes: usize,
    /// Share of its own pictures that each prototype's radius holds.
    pub quantile: f64,
}

impl Default for Coverage {
    // Without prototypes, so that a recipe gives the same file, byte for byte, as before there were any.
    fn default() -> Self {
        Coverage { prototypes: 0, quantile: 0.99 }
    }
}

impl Coverage {
    /// Refuses what cannot work, by the key's name and the reason.
    pub(super) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.prototypes > MOST {
            return Err(("coverage.prototypes", "must be at most 256; 16 do for most sets, 0 is none"));
        }
        if !(0.5..=1.0).contains(&self.quantile) {
            return Err(("coverage.quantile", "is the share of its pictures that a radius holds, from 0.5 to 1"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Recipe;

    #[test]
    fn wrong_values_are_named() {
        for (pair, key) in [
            ("coverage.prototypes=257", "coverage.prototypes"),
            ("coverage.quantile=0.3", "coverage.quantile"),
            ("coverage.quantile=nan", "coverage.quantile"),
        ] {
            let error = Recipe::resolve(None, &[pair.to_owned()]).expect_err(pair);
            assert!(format!("{:#}", anyhow::Error::from(error)).contains(key), "{pair}");
        }
        let recipe = Recipe::resolve(None, &["coverage.prototypes=16".to_owned()]).expect("valid");
        assert_eq!(recipe.coverage, Coverage { prototypes: 16, quantile: 0.99 });
    }
}

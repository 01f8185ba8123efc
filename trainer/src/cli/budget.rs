//! What a student may cost, as it is said on the command line: numbers such as 60M, and boards by their keys.

use anyhow::{Context, Result, ensure};
use retort::predict::BOARDS;

use crate::pruning::Goal;

/// The key of a board whose milliseconds can be predicted.
pub(super) fn known_board(key: &str) -> Result<&str> {
    let boards: Vec<&str> = BOARDS.iter().map(|board| board.key).collect();
    ensure!(boards.contains(&key), "there is no board `{key}`; there are {}", boards.join(", "));
    Ok(key)
}

/// A number with k, M or G behind it.
pub(super) fn count(text: &str) -> Result<u64> {
    let (digits, factor) = match text.char_indices().next_back() {
        Some((at, 'k')) => (&text[..at], 1e3),
        Some((at, 'M')) => (&text[..at], 1e6),
        Some((at, 'G')) => (&text[..at], 1e9),
        _ => (text, 1.0),
    };
    let number: f64 = digits.trim().parse().with_context(|| format!("`{text}` is no number such as 60M"))?;
    ensure!(number.is_finite() && number > 0.0, "`{text}` is no positive number");
    Ok((number * factor) as u64)
}

/// Multiply-accumulates as a number, or as a share of what there is, such as 50%.
pub(super) fn goal(text: &str) -> Result<Goal> {
    let Some(percent) = text.strip_suffix('%') else { return Ok(Goal::Macs(count(text)?)) };
    let share: f64 = percent.trim().parse().with_context(|| format!("`{text}` is no share such as 50%"))?;
    ensure!(share > 0.0 && share < 100.0, "`{text}` is not between 0 and 100 %");
    Ok(Goal::Share(share / 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_have_a_letter() {
        assert_eq!(count("60M").expect("a number"), 60_000_000);
        assert_eq!(count("1.5k").expect("a number"), 1_500);
        assert_eq!(count("12").expect("a number"), 12);
        assert_eq!(goal("30M").expect("a number"), Goal::Macs(30_000_000));
        assert_eq!(goal("50%").expect("a share"), Goal::Share(0.5));
        assert!(goal("100%").is_err() && goal("%").is_err());
        assert!(count("M").is_err() && count("-3k").is_err() && count("").is_err());
    }
}

//! The known name nearest to a mistyped one, for error messages.

/// The name of `known` with the fewest edits from `given`, if they are few enough to be a slip.
pub(super) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (edits(given, name), name))
        .min()
        .filter(|&(edits, name)| 3 * edits <= name.chars().count())
        .map(|(_, name)| name)
}

/// The Levenshtein distance: insertions, deletions and substitutions of characters.
pub fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_a_stranger_none() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("same", "same"), 0);
        assert_eq!(nearest("limits.scor", ["limits.iou", "limits.score"]), Some("limits.score"));
        assert_eq!(nearest("zebra", ["limits.iou", "limits.score"]), None);
    }
}

//! Tables that keep to a terminal's columns.

/// Columns of a terminal that tables keep to.
pub const COLUMNS: usize = 120;

/// The last `columns` characters of a name: nodes of one model begin alike.
pub fn tail(name: &str, columns: usize) -> String {
    let len = name.chars().count();
    if len <= columns {
        return name.into();
    }
    let skipped = len - columns.saturating_sub(1);
    format!("…{}", name.chars().skip(skipped).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_end() {
        assert_eq!(tail("/head/conv", 20), "/head/conv");
        assert_eq!(tail("/head/conv", 6), "…/conv");
        assert_eq!(tail("größe", 4), "…öße");
        assert_eq!(tail("conv", 0), "…");
    }
}

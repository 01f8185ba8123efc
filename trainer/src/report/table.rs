//! Tables for terminals and log files.
//!
//! On a terminal, headings are bold, a rule lies below them, and the table keeps to the width: first the names in the
//! first column are cut, then columns from the right are left out, which is said. Elsewhere it is plain and whole.

use std::io::IsTerminal;

/// Between two columns.
const GAP: usize = 2;
/// The first column is not cut below this.
const LEAST_NAME: usize = 8;

/// For whom a table is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Columns there are; none for as many as it takes.
    pub columns: Option<usize>,
    /// Whether letters may be bold and coloured.
    pub colour: bool,
}

impl Look {
    /// As standard output wants it: plain unless it is a terminal, and without colour where `NO_COLOR` is set.
    pub fn of_stdout() -> Look {
        let stdout = std::io::stdout();
        if !stdout.is_terminal() {
            return Look::default();
        }
        let columns = terminal_size::terminal_size_of(&stdout).map(|(width, _)| usize::from(width.0));
        Look { columns: Some(columns.unwrap_or(80)), colour: std::env::var_os("NO_COLOR").is_none() }
    }

    /// Text in bold where that may be.
    pub fn bold(self, text: &str) -> String {
        if self.colour { format!("\x1b[1m{text}\x1b[0m") } else { text.into() }
    }

    /// Text that stays in the background where that may be.
    pub fn dim(self, text: &str) -> String {
        if self.colour { format!("\x1b[2m{text}\x1b[0m") } else { text.into() }
    }
}

/// Rows under headings. The first column holds names, the others figures, which are aligned to the right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    headings: Vec<String>,
    rows: Vec<(Vec<String>, bool)>,
}

impl Table {
    /// A table without rows.
    pub fn new<S: Into<String>>(headings: impl IntoIterator<Item = S>) -> Table {
        Table { headings: headings.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// One more row. Cells that it lacks are empty, and what it has beyond the headings is left out.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push((cells.into_iter().map(Into::into).collect(), false));
    }

    /// A row that stands out.
    pub fn bold_row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push((cells.into_iter().map(Into::into).collect(), true));
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells = (0..self.headings.len()).map(|column| cells.get(column).map_or("", String::as_str));
            format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).collect::<Vec<_>>().join(" | "))
        };
        let rule = "|---".repeat(self.headings.len()) + "|\n";
        let rows = self.rows.iter().map(|(row, _)| line(row));
        [line(&self.headings), rule].into_iter().chain(rows).collect()
    }

    /// The lines, each with its end.
    pub fn render(&self, look: Look) -> String {
        let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
        let length = |column: usize| {
            let rows = self.rows.iter().map(|(row, _)| cell(row, column).chars().count());
            rows.fold(self.headings[column].chars().count(), usize::max)
        };
        let mut widths: Vec<usize> = (0..self.headings.len()).map(length).collect();
        let all = widths.len();
        let total = |widths: &[usize]| widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        if let Some(columns) = look.columns {
            let name = |widths: &[usize]| {
                let excess = total(widths).saturating_sub(columns);
                widths[0].saturating_sub(excess).max(LEAST_NAME.min(widths[0]))
            };
            while widths.len() > 1 && total(&widths) - widths[0] + name(&widths) > columns {
                widths.pop();
            }
            if let Some(first) = widths.first().map(|_| name(&widths)) {
                widths[0] = first;
            }
        }
        let line = |cells: &[String]| -> String {
            let mut line = String::new();
            for (column, &width) in widths.iter().enumerate() {
                let text = cut(&cell(cells, column), width);
                let padding = " ".repeat(width - text.chars().count());
                let gap = if column > 0 { " ".repeat(GAP) } else { String::new() };
                line += &if column == 0 { gap + &text + &padding } else { gap + &padding + &text };
            }
            line.trim_end().into()
        };
        let mut out = look.bold(&line(&self.headings)) + "\n";
        if look.columns.is_some() {
            out += &(look.dim(&"─".repeat(total(&widths))) + "\n");
        }
        for (row, bold) in &self.rows {
            let line = line(row);
            out += &if *bold { look.bold(&line) } else { line };
            out.push('\n');
        }
        if widths.len() < all {
            let left_out = self.headings[widths.len()..].join(", ");
            out += &(look.dim(&format!("not shown for want of room: {left_out}")) + "\n");
        }
        out
    }
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.into();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    if width > 0 { kept + "…" } else { kept }
}

/// A share as a percentage with one decimal; a dash where there is none.
pub fn percent(value: Option<f64>) -> String {
    value.map_or("–".into(), |value| format!("{:.1}", 100.0 * value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_has_a_cell_a_heading() {
        let mut table = Table::new(["name", "figure"]);
        table.row(["a|b", "1"]);
        table.bold_row(["c"]);
        assert_eq!(table.markdown(), "| name | figure |\n|---|---|\n| a\\|b | 1 |\n| c |  |\n");
    }
    use proptest::prelude::*;

    fn table() -> Table {
        let mut table = Table::new(["class", "AP", "objects"]);
        table.row(["traffic light", "7.5", "12"]);
        table.bold_row(["all", "33.0"]);
        table
    }

    #[test]
    fn in_a_log_it_is_plain_and_whole() {
        let expected = "class            AP  objects\ntraffic light   7.5       12\nall            33.0\n";
        assert_eq!(table().render(Look::default()), expected);
    }

    #[test]
    fn on_a_narrow_terminal_names_are_cut_and_columns_left_out() {
        let narrow = table().render(Look { columns: Some(23), colour: false });
        assert_eq!(narrow.lines().nth(2), Some("traffic…   7.5       12"));
        let narrower = table().render(Look { columns: Some(16), colour: false });
        assert_eq!(narrower.lines().nth(2), Some("traffic l…   7.5"));
        assert!(narrower.ends_with("not shown for want of room: objects\n"), "{narrower}");
        let bold = table().render(Look { columns: Some(80), colour: true });
        assert!(bold.contains("\x1b[1mall"), "{bold}");
    }

    proptest! {
        #[test]
        fn no_row_is_wider_than_the_terminal(columns in 12usize..60, names in proptest::collection::vec("\\PC{0,30}", 1..5)) {
            let mut table = Table::new(["name", "a", "b", "c"]);
            names.iter().for_each(|name| table.row([name.as_str(), "1.25", "100000", "-"]));
            let text = table.render(Look { columns: Some(columns), colour: false });
            for line in text.lines().take(names.len() + 2) {
                prop_assert!(line.chars().count() <= columns, "{line}");
            }
        }
    }
}

//! Heat maps: a table whose cells are the darker the greater their share.

use super::INK;
use super::drawing::{Anchor, Drawing, LETTER, LINE, Mark, Rgb, width_of};
use super::layout::heading;

/// From light to dark in one hue, which is told apart by everyone and in print.
const SHADES: [Rgb; 5] = [[247, 251, 255], [198, 219, 239], [107, 174, 214], [33, 113, 181], [8, 48, 107]];
const MARGIN: f64 = 18.0;
/// The longest side of the whole, roughly.
const MOST: f64 = 1000.0;
const LARGEST_CELL: f64 = 64.0;
const SMALLEST_CELL: f64 = 5.0;

/// A table of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatMap {
    /// Above everything.
    pub title: String,
    /// Below the title.
    pub subtitle: String,
    /// What the rows are, and their names.
    pub rows: (String, Vec<String>),
    /// What the columns are, and their names.
    pub columns: (String, Vec<String>),
    /// How dark each cell is, 0 to 1, row by row.
    pub shares: Vec<f64>,
    /// What is written into each cell where there is room, row by row; there may be none.
    pub texts: Vec<String>,
}

impl HeatMap {
    /// Lays the map out.
    pub fn draw(&self) -> Drawing {
        let (rows, columns) = (self.rows.1.len(), self.columns.1.len());
        let longest = |names: &[String]| names.iter().map(|name| width_of(name)).fold(LETTER, f64::max);
        let count = rows.max(columns).max(1) as f64;
        let widest = longest(&self.texts) + 6.0;
        let cell = ((MOST - 250.0) / count).floor().clamp(SMALLEST_CELL, LARGEST_CELL.max(widest.min(90.0)));
        let mut out = Drawing { size: [0, 0], marks: Vec::new() };
        let top = heading(&mut out, &self.title, &self.subtitle, MARGIN) + LINE;
        let left = MARGIN + LINE + longest(&self.rows.1) + 10.0;
        let upright = longest(&self.columns.1) + 6.0 > cell;
        let names = if upright { longest(&self.columns.1) } else { LINE };
        let (width, height) = (cell * columns as f64, cell * rows as f64);

        for (index, &share) in self.shares.iter().take(rows * columns).enumerate() {
            let at = [left + (index % columns) as f64 * cell, top + (index / columns) as f64 * cell];
            // A line of the paper between cells, as long as they are large.
            let inner = if cell > 12.0 { cell - 1.0 } else { cell };
            out.marks.push(Mark::Box { at, size: [inner, inner], colour: shade(share) });
            if let Some(text) = self.texts.get(index).filter(|text| width_of(text) <= cell - 2.0 && cell >= LINE) {
                let colour = if share > 0.28 { [255; 3] } else { INK };
                out.text([at[0] + 0.5 * cell, at[1] + 0.5 * cell], text, Anchor::Middle, colour);
            }
        }
        // Of names that are closer than a line of text, only some are written.
        let every = ((LINE - 4.0) / cell).ceil().max(1.0) as usize;
        for (row, name) in self.rows.1.iter().enumerate().step_by(every) {
            out.text([left - 8.0, top + (row as f64 + 0.5) * cell], name, Anchor::End, INK);
        }
        for (column, name) in self.columns.1.iter().enumerate().step_by(if upright { every } else { 1 }) {
            let x = left + (column as f64 + 0.5) * cell;
            let (at, anchor) = if upright {
                ([x, top + height + 6.0], Anchor::End)
            } else {
                ([x, top + height + 12.0], Anchor::Middle)
            };
            out.marks.push(Mark::Text { at, text: name.clone(), anchor, colour: INK, bold: false, upright });
        }
        let (row_label, column_label) = (self.rows.0.clone(), self.columns.0.clone());
        out.text([left + 0.5 * width, top + height + names + 6.0 + LINE], column_label, Anchor::Middle, INK);
        let at = [MARGIN, top + 0.5 * height];
        out.marks.push(Mark::Text {
            at,
            text: row_label,
            anchor: Anchor::Middle,
            colour: INK,
            bold: false,
            upright: true,
        });

        let heading = width_of(&self.title).max(width_of(&self.subtitle)) + 2.0 * MARGIN;
        let size = [(left + width + MARGIN).max(heading), top + height + names + 2.0 * LINE + MARGIN * 0.5];
        out.size = size.map(|side| side.ceil().min(8192.0) as u32);
        out
    }
}

fn shade(share: f64) -> Rgb {
    let steps = (SHADES.len() - 1) as f64;
    // Small shares are what one looks for, so that they are shown darker than they are.
    let at = if share.is_finite() { share.clamp(0.0, 1.0).sqrt() * steps } else { 0.0 };
    let low = (at as usize).min(SHADES.len() - 2);
    let part = at - low as f64;
    let mix = |channel: usize| {
        let (from, to) = (f64::from(SHADES[low][channel]), f64::from(SHADES[low + 1][channel]));
        (from + part * (to - from)).round() as u8
    };
    std::array::from_fn(mix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greater_the_darker_and_maps_of_any_size_are_drawn() {
        let light = |share: f64| shade(share).iter().map(|&c| u32::from(c)).sum::<u32>();
        assert!((0..20).all(|i| light(f64::from(i) / 20.0) > light(f64::from(i + 1) / 20.0)));
        assert_eq!(shade(f64::NAN), SHADES[0]);
        for side in [0, 1, 3, 200] {
            let names: Vec<String> = (0..side).map(|i| format!("class {i}")).collect();
            let map = HeatMap {
                title: "t".into(),
                subtitle: String::new(),
                rows: ("truth".into(), names.clone()),
                columns: ("answer".into(), names),
                shares: vec![0.5; side * side],
                texts: vec!["123".into(); side * side],
            };
            let [width, height] = map.draw().size;
            assert!(width > 0 && height > 0 && width < 1400 && height < 1400, "{side}: {width}×{height}");
        }
    }
}

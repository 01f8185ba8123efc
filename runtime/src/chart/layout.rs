//! Where everything in a chart lies.

use super::axis::Scale;
use super::drawing::{Anchor, Drawing, LINE, Mark, Rgb, width_of};
use super::{Chart, FAINT, INK, PALETTE, Panel, Series, Style};

/// Of the grid.
const GRID: Rgb = [232, 235, 239];
/// Behind stretches that stand out.
const SHADE: Rgb = [253, 228, 225];
/// Free pixels at the edge.
const MARGIN: f64 = 18.0;
/// Between two panels.
const GAP: f64 = 14.0;
/// Pixels from one tick to the next, about.
const TICK_ROWS: f64 = 45.0;
const TICK_COLUMNS: f64 = 80.0;
/// A legend's line or box.
const SWATCH: f64 = 20.0;
/// Share of the room between neighbours that bars take.
const BAR_SHARE: f64 = 0.84;

/// A part of the drawing in pixels: left, top, right, bottom.
#[derive(Clone, Copy, Debug)]
struct Area {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

pub(super) fn chart(chart: &Chart) -> Drawing {
    let mut out = Drawing { size: chart.size, marks: Vec::new() };
    let [width, height] = chart.size.map(f64::from);
    let top = heading(&mut out, &chart.title, &chart.subtitle, MARGIN);

    // Rows are known roughly before the columns are, and that is enough for the ticks.
    let weights = chart.panels.iter().map(|panel| panel.weight.max(0.0)).sum::<f64>().max(f64::MIN_POSITIVE);
    let room = |panel: &Panel| (height - top) * panel.weight.max(0.0) / weights - 2.0 * LINE;
    let scales: Vec<Scale> = (chart.panels.iter())
        .map(|panel| {
            let has = |style: Style| panel.series.iter().any(|series| series.style == style);
            let values = panel.series.iter().flat_map(|series| &series.points).map(|point| point[1]);
            let scale =
                Scale::new(&panel.y, values.chain(has(Style::Bars).then_some(0.0)), room(panel) / TICK_ROWS, true);
            // A disc on the edge would be half outside.
            if has(Style::Points) && !panel.y.fixed { scale.wider() } else { scale }
        })
        .collect();
    let texts = scales.iter().flat_map(|scale| &scale.ticks).map(|tick| width_of(&tick.1));
    let left = MARGIN + texts.fold(24.0, f64::max) + 8.0;
    let right = width - MARGIN - 6.0;
    let all = chart.panels.iter().flat_map(|panel| &panel.series).flat_map(|series| &series.points);
    let x = Scale::new(&chart.x, all.map(|point| point[0]), (right - left) / TICK_COLUMNS, false);
    let dotted = chart.panels.iter().flat_map(|panel| &panel.series).any(|series| series.style == Style::Points);
    let x = if dotted && !chart.x.fixed { x.wider() } else { x };

    let upright = !chart.x.names.is_empty() && {
        let each = (right - left) / chart.x.names.len() as f64;
        chart.x.names.iter().any(|name| width_of(name) + 8.0 > each)
    };
    let names = chart.x.names.iter().map(|name| width_of(name)).fold(0.0, f64::max);
    let below = if upright { names + 10.0 } else { LINE } + if chart.x.label.is_empty() { 0.0 } else { LINE } + 6.0;
    let shaded = chart.panels.iter().any(|panel| !panel.shades.is_empty()) && !chart.shade_label.is_empty();
    let bottom = height - below - MARGIN * 0.5 - if shaded && chart.x.label.is_empty() { LINE } else { 0.0 };

    let legends: Vec<Vec<Vec<usize>>> = chart.panels.iter().map(|panel| legend_rows(panel, right - left)).collect();
    let heads: Vec<f64> = legends.iter().map(|rows| LINE * rows.len().max(1) as f64 + 6.0).collect();
    let gaps = GAP * chart.panels.len().saturating_sub(1) as f64;
    let room = bottom - top - heads.iter().sum::<f64>() - gaps;
    let mut at = top;
    for (((panel, scale), rows), head) in chart.panels.iter().zip(&scales).zip(&legends).zip(&heads) {
        let rows_high = (room * panel.weight.max(0.0) / weights).max(10.0);
        let area = Area { left, top: at + head, right, bottom: at + head + rows_high };
        draw_panel(&mut out, panel, &Scales { x: &x, y: scale, area }, rows, at);
        at = area.bottom + GAP;
    }

    let mut free = f64::NEG_INFINITY;
    for (value, text) in &x.ticks {
        let Some(place) = x.place(*value).filter(|place| (-1e-9..=1.0 + 1e-9).contains(place)) else { continue };
        let column = left + place * (right - left);
        if upright {
            let each = (right - left) / chart.x.names.len() as f64;
            // Of names that are closer than a line of text, only some are written.
            if column >= free {
                let at = [column, bottom + 6.0];
                out.marks.push(Mark::Text {
                    at,
                    text: text.clone(),
                    anchor: Anchor::End,
                    colour: INK,
                    bold: false,
                    upright,
                });
                free = column + if each >= LINE - 4.0 { each * 0.9 } else { LINE - 4.0 };
            }
        } else if !text.is_empty() && column - width_of(text) / 2.0 > free {
            let half = width_of(text) / 2.0;
            out.text([column.min(width - half - 2.0), bottom + 12.0], text, Anchor::Middle, INK);
            free = column + half + 6.0;
        }
    }
    let last_row = height - MARGIN * 0.5 - LINE * 0.5;
    if !chart.x.label.is_empty() {
        out.text([0.5 * (left + right), last_row], &chart.x.label, Anchor::Middle, INK);
    }
    if shaded {
        out.marks.push(Mark::Box { at: [left, last_row - 5.0], size: [SWATCH, 10.0], colour: SHADE });
        out.text([left + SWATCH + 8.0, last_row], &chart.shade_label, Anchor::Start, INK);
    }
    out
}

/// Title and subtitle; gives the first free row.
pub(super) fn heading(out: &mut Drawing, title: &str, subtitle: &str, left: f64) -> f64 {
    let mut row = 0.5 * MARGIN;
    for (text, bold) in [(title, true), (subtitle, false)] {
        if !text.is_empty() {
            let at = [left, row + 0.5 * LINE];
            let text = text.to_owned();
            out.marks.push(Mark::Text { at, text, anchor: Anchor::Start, colour: INK, bold, upright: false });
            row += LINE;
        }
    }
    row + 6.0
}

/// Which named series stand in which row of the legend; the first row leaves room for the axis's label.
fn legend_rows(panel: &Panel, width: f64) -> Vec<Vec<usize>> {
    let mut rows: Vec<Vec<usize>> = vec![Vec::new()];
    let mut free = width - width_of(&panel.y.label) - 12.0;
    for (index, series) in panel.series.iter().enumerate().filter(|(_, series)| !series.name.is_empty()) {
        let needed = legend_width(series);
        if needed > free && !(rows.len() > 1 && rows[rows.len() - 1].is_empty()) {
            rows.push(Vec::new());
            free = width;
        }
        free -= needed;
        let last = rows.len() - 1;
        rows[last].push(index);
    }
    rows
}

fn legend_width(series: &Series) -> f64 {
    SWATCH + 6.0 + width_of(&series.name) + 16.0
}

struct Scales<'a> {
    x: &'a Scale,
    y: &'a Scale,
    area: Area,
}

impl Scales<'_> {
    /// Where a point lies; one beyond an axis's end lies at its edge.
    fn at(&self, [x, y]: [f64; 2]) -> Option<[f64; 2]> {
        let Area { left, top, right, bottom } = self.area;
        let (x, y) = (self.x.place(x)?.clamp(0.0, 1.0), self.y.place(y)?.clamp(0.0, 1.0));
        Some([left + x * (right - left), bottom - y * (bottom - top)])
    }
}

fn draw_panel(out: &mut Drawing, panel: &Panel, scales: &Scales<'_>, rows: &[Vec<usize>], head: f64) {
    let Area { left, top, right, bottom } = scales.area;
    for &[from, to] in &panel.shades {
        if let (Some(from), Some(to)) = (scales.x.place(from), scales.x.place(to)) {
            let [from, to] = [from, to].map(|at| left + at.clamp(0.0, 1.0) * (right - left));
            out.marks.push(Mark::Box { at: [from, top], size: [to - from, bottom - top], colour: SHADE });
        }
    }
    let inside = |place: Option<f64>| place.filter(|place| (-1e-9..=1.0 + 1e-9).contains(place));
    for (value, text) in &scales.y.ticks {
        let Some(place) = inside(scales.y.place(*value)) else { continue };
        let row = (bottom - place * (bottom - top)).round();
        out.line([left, row], [right, row], GRID);
        out.text([left - 8.0, row], text, Anchor::End, INK);
    }
    // Names have no lines: what belongs to them lies about them.
    for (value, _) in scales.x.ticks.iter().filter(|_| !scales.x.names) {
        let Some(place) = inside(scales.x.place(*value)) else { continue };
        let column = (left + place * (right - left)).round();
        out.line([column, top], [column, bottom], GRID);
    }
    let colours = colours(&panel.series);
    bars(out, panel, &colours, scales);
    for (series, &colour) in panel.series.iter().zip(&colours) {
        match series.style {
            Style::Line | Style::Dashed | Style::Thin => line(out, series, colour, scales),
            Style::Points => {
                let discs = series.points.iter().filter_map(|&point| scales.at(point));
                out.marks.extend(discs.map(|at| Mark::Disc { at, radius: 4.5, colour }));
            }
            Style::Bars => {}
        }
    }
    labels(out, panel, scales);
    out.line([left, bottom.round()], [right, bottom.round()], INK);
    out.line([left, top], [left, bottom.round()], INK);

    out.text([left - 4.0, head + LINE * 0.5], &panel.y.label, Anchor::Start, INK);
    for (number, row) in rows.iter().enumerate() {
        let middle = head + LINE * (number as f64 + 0.5);
        let mut x = right + 10.0 - row.iter().map(|&index| legend_width(&panel.series[index])).sum::<f64>();
        for &index in row {
            let (series, colour) = (&panel.series[index], colours[index]);
            swatch(out, series.style, [x, middle], colour);
            out.text([x + SWATCH + 6.0, middle], &series.name, Anchor::Start, INK);
            x += legend_width(series);
        }
    }
}

fn colours(series: &[Series]) -> Vec<Rgb> {
    let mut next = PALETTE.iter().cycle().copied();
    let of = |series: &Series| match series.style {
        _ if series.colour.is_some() => series.colour.unwrap_or(INK),
        Style::Thin => FAINT,
        _ => next.next().unwrap_or(INK),
    };
    series.iter().map(of).collect()
}

fn swatch(out: &mut Drawing, style: Style, [x, y]: [f64; 2], colour: Rgb) {
    match style {
        Style::Points => out.marks.push(Mark::Disc { at: [x + 0.5 * SWATCH, y], radius: 4.5, colour }),
        Style::Bars => out.marks.push(Mark::Box { at: [x + 5.0, y - 5.0], size: [10.0, 10.0], colour }),
        _ => {
            let width = if style == Style::Thin { 1.2 } else { 2.4 };
            let points = vec![[x, y], [x + SWATCH, y]];
            out.marks.push(Mark::Line { points, width, colour, dashed: style == Style::Dashed });
        }
    }
}

/// Unbroken pieces of a line; a piece of one point is a disc.
fn line(out: &mut Drawing, series: &Series, colour: Rgb, scales: &Scales<'_>) {
    let width = if series.style == Style::Thin { 1.2 } else { 2.2 };
    let places: Vec<Option<[f64; 2]>> = series.points.iter().map(|&point| scales.at(point)).collect();
    for piece in places.split(Option::is_none).filter(|piece| !piece.is_empty()) {
        let mut points: Vec<[f64; 2]> = piece.iter().flatten().copied().collect();
        // Points that fall together add nothing but time.
        points.dedup_by(|a, b| (a[0] - b[0]).abs() < 0.05 && (a[1] - b[1]).abs() < 0.05);
        match points[..] {
            [at] => out.marks.push(Mark::Disc { at, radius: 3.0, colour }),
            _ => out.marks.push(Mark::Line { points, width, colour, dashed: series.style == Style::Dashed }),
        }
    }
}

fn bars(out: &mut Drawing, panel: &Panel, colours: &[Rgb], scales: &Scales<'_>) {
    let barred: Vec<usize> = (0..panel.series.len()).filter(|&i| panel.series[i].style == Style::Bars).collect();
    let mut places: Vec<f64> =
        barred.iter().flat_map(|&i| &panel.series[i].points).map(|point| point[0]).filter(|x| x.is_finite()).collect();
    places.sort_by(f64::total_cmp);
    let gap = places.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > 1e-12).fold(f64::INFINITY, f64::min);
    let gap = if gap.is_finite() { gap } else { 1.0 };
    let each = gap * BAR_SHARE / barred.len().max(1) as f64;
    for (number, &index) in barred.iter().enumerate() {
        let shift = each * (number as f64 - 0.5 * barred.len() as f64);
        for &[x, y] in &panel.series[index].points {
            let corners = (scales.at([x + shift, y]), scales.at([x + shift + each, 0.0]));
            if let (Some([left, top]), Some([right, bottom])) = corners {
                let (top, bottom) = (top.min(bottom), top.max(bottom));
                let size = [(right - left - 1.0).max(1.0), bottom - top];
                out.marks.push(Mark::Box { at: [left, top], size, colour: colours[index] });
            }
        }
    }
}

/// Texts beside points, on the first side where nothing else is written.
fn labels(out: &mut Drawing, panel: &Panel, scales: &Scales<'_>) {
    let discs: Vec<[f64; 2]> =
        panel.series.iter().flat_map(|series| &series.points).filter_map(|&point| scales.at(point)).collect();
    let labelled = panel.series.iter().flat_map(|series| series.points.iter().zip(&series.labels));
    let mut written: Vec<Area> = Vec::new();
    for (&point, text) in labelled.filter(|(_, text)| !text.is_empty()) {
        let Some([x, y]) = scales.at(point) else { continue };
        let (half, wide) = (0.5 * LINE, width_of(text));
        let places = [[x + 9.0, y], [x - 9.0 - wide, y], [x - 0.5 * wide, y - 15.0], [x - 0.5 * wide, y + 15.0]];
        let area =
            |[left, middle]: [f64; 2]| Area { left, top: middle - half, right: left + wide, bottom: middle + half };
        let is_free = |a: &Area| {
            let within =
                a.left >= scales.area.left && a.right <= scales.area.right + 12.0 && a.top >= scales.area.top - 4.0;
            let meets =
                |b: &Area| a.left < b.right && b.left < a.right && a.top + 3.0 < b.bottom && b.top + 3.0 < a.bottom;
            let covers = |p: &[f64; 2]| p[0] > a.left && p[0] < a.right && p[1] > a.top && p[1] < a.bottom;
            within && !written.iter().any(meets) && !discs.iter().any(covers)
        };
        let chosen = places.into_iter().map(area).find(is_free).unwrap_or(area(places[0]));
        out.text([chosen.left, 0.5 * (chosen.top + chosen.bottom)], text, Anchor::Start, INK);
        written.push(chosen);
    }
}

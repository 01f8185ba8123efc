//! A long measurement in a terminal: latency, temperature and clock over the time asked for.
//!
//! On a terminal the chart is redrawn where it stands, in one write of whole lines, so that it does not flicker.
//! Elsewhere it is a plain line now and then.

use std::io::{self, IsTerminal, Write};

use super::meter::Point;

/// Columns where the terminal does not say how many it has, and the most that are used.
const COLUMNS: usize = 80;
const MOST_COLUMNS: usize = 110;
/// Columns in front of the bars.
const LABEL: usize = 11;
/// Plain lines of a measurement, at most.
const PLAIN_LINES: f64 = 60.0;
/// The least difference in °C that fills the chart's height, so that a steady temperature looks steady.
const LEAST_DEGREES: f32 = 10.0;
/// A cell filled from below by eighths.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Shows a measurement while it runs, on standard error.
pub struct Progress {
    /// How long the measurement takes.
    seconds: f64,
    /// Columns of the terminal; `None` where standard error is none.
    columns: Option<usize>,
    /// Lines of the chart that stand on the terminal.
    drawn: usize,
    /// When the last plain line was due.
    last: f64,
}

impl Progress {
    /// For a measurement of so many seconds.
    pub fn new(seconds: f64) -> Progress {
        let stderr = io::stderr();
        let width = || terminal_size::terminal_size_of(&stderr).map(|(width, _)| usize::from(width.0));
        // The last column stays free: some terminals wrap when it is written.
        let columns = stderr.is_terminal().then(|| width().unwrap_or(COLUMNS).saturating_sub(1).min(MOST_COLUMNS));
        Progress { seconds, columns, drawn: 0, last: f64::NEG_INFINITY }
    }

    /// Shows how far it is. Whether anybody can see it does not matter to the measurement.
    pub fn show(&mut self, points: &[Point]) {
        let Some(point) = points.last() else { return };
        let Some(columns) = self.columns else {
            if point.seconds - self.last < (self.seconds / PLAIN_LINES).max(1.0) * 0.99 {
                return;
            }
            self.last = point.seconds;
            let _ = writeln!(io::stderr(), "{}", status(point, self.seconds));
            return;
        };
        let lines = chart(points, self.seconds, columns);
        let up = if self.drawn > 0 { format!("\x1b[{}A", self.drawn) } else { String::new() };
        let text = lines.iter().fold(up, |text, line| text + line + "\x1b[K\n");
        self.drawn = lines.len();
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

/// A point in words.
fn status(point: &Point, seconds: f64) -> String {
    let minutes = |seconds: f64| format!("{:02}:{:02}", seconds as u64 / 60, seconds as u64 % 60);
    let mut line =
        format!("  {} of {}  p50 {:.2}  p99 {:.2} ms", minutes(point.seconds), minutes(seconds), point.p50, point.p99);
    if let Some(celsius) = point.state.temperature {
        line += &format!("  {celsius:.1} °C");
    }
    if let Some(mhz) = point.state.clock.current_mhz {
        line += &format!("  {mhz} MHz");
    }
    if let Some(throttling) = point.state.throttling.filter(|throttling| !throttling.now.is_fine()) {
        line += &format!("  {}", throttling.now);
    }
    line
}

/// The lines of the chart: what is now, latency from 0 up (bars: median, dots: 99th percentile), and what is known of
/// temperature and clock. None is longer than `columns`.
fn chart(points: &[Point], seconds: f64, columns: usize) -> Vec<String> {
    let width = columns.saturating_sub(LABEL + 1);
    let Some(last) = points.last().filter(|_| width > 0) else { return Vec::new() };
    let mut lines = vec![status(last, seconds)];
    let over_time = |value: &dyn Fn(&Point) -> Option<f32>| columns_of(points, seconds, width, value);

    let (p50, p99) = (over_time(&|point| Some(point.p50 as f32)), over_time(&|point| Some(point.p99 as f32)));
    let most = |values: &[Option<f32>]| values.iter().flatten().copied().fold(f32::MIN_POSITIVE, f32::max);
    // A second in which something else held the core must not flatten all others.
    let most = most(&p99).min(2.0 * most(&p50));
    lines.extend(bars(&p50, &p99, [0.0, most], 4, &format!("{most:.2} ms"), "0"));

    let temperature = over_time(&|point| point.state.temperature);
    if let Some([low, high]) = range(&temperature) {
        let high = high.max(low + LEAST_DEGREES);
        lines.extend(bars(&temperature, &[], [low - 1.0, high], 2, &format!("{high:.0} °C"), &format!("{low:.0} °C")));
    }
    let clock = over_time(&|point| Some(point.state.clock.current_mhz? as f32));
    if let Some([_, high]) = range(&clock) {
        lines.extend(bars(&clock, &[], [0.0, high], 1, &format!("{high:.0} MHz"), ""));
    }
    lines.into_iter().map(|line| line.chars().take(columns).collect()).collect()
}

/// The mean of a value in each column's share of the time; `None` where there is no point or it has no value.
fn columns_of(points: &[Point], seconds: f64, width: usize, value: &dyn Fn(&Point) -> Option<f32>) -> Vec<Option<f32>> {
    let mut sums = vec![(0.0f32, 0u32); width];
    let mut start = 0.0;
    for point in points {
        let column = |seconds_in: f64| ((seconds_in / seconds * width as f64) as usize).min(width - 1);
        // A stretch may be longer than a column.
        let end = column((start + point.seconds) / 2.0).max(column(point.seconds - 1e-9));
        if let Some(value) = value(point).filter(|value| value.is_finite()) {
            for (sum, n) in &mut sums[column(start)..=end.max(column(start))] {
                *sum += value;
                *n += 1;
            }
        }
        start = point.seconds;
    }
    sums.into_iter().map(|(sum, n)| (n > 0).then(|| sum / n as f32)).collect()
}

fn range(values: &[Option<f32>]) -> Option<[f32; 2]> {
    values.iter().flatten().fold(None, |range, &value| match range {
        None => Some([value, value]),
        Some([low, high]) => Some([low.min(value), high.max(value)]),
    })
}

/// Bars of `rows` rows with the scale's ends in front; a dot where a mark lies above its bar.
fn bars(
    values: &[Option<f32>],
    marks: &[Option<f32>],
    [low, high]: [f32; 2],
    rows: usize,
    top: &str,
    bottom: &str,
) -> Vec<String> {
    let eighths =
        |value: f32| ((value - low) / (high - low) * (rows * 8) as f32).round().clamp(0.0, (rows * 8) as f32) as usize;
    let row = |row: usize| {
        let label = if row + 1 == rows {
            top
        } else if row == 0 {
            bottom
        } else {
            ""
        };
        let cell = |column: usize| {
            let filled = values[column].map_or(0, eighths).saturating_sub(row * 8).min(8);
            let marked =
                marks.get(column).copied().flatten().is_some_and(|mark| eighths(mark).saturating_sub(1) / 8 == row);
            if filled == 0 && marked { '·' } else { EIGHTHS[filled] }
        };
        let cells: String = (0..values.len()).map(cell).collect();
        format!("{label:>LABEL$}│{}", cells.trim_end())
    };
    (0..rows).rev().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::clock::Clock;
    use crate::board::state::State;
    use crate::board::throttle::Throttling;
    use proptest::prelude::*;

    #[test]
    fn a_dot_marks_the_99th_percentile_above_its_bar() {
        assert_eq!(
            bars(&[Some(1.0), Some(4.0)], &[Some(3.0), Some(4.0)], [0.0, 4.0], 4, "4", "0")[1],
            "           │·█"
        );
    }

    fn point(seconds: f64, p50: f64, celsius: f32, mhz: u32) -> Point {
        let clock = Clock { current_mhz: Some(mhz), ..Clock::default() };
        let throttling = Some(Throttling::of_word(if mhz < 1800 { 4 } else { 0 }));
        let state = State { clock, temperature: Some(celsius), throttling };
        Point { seconds, runs: 10, p50, p99: p50 * 1.25, max: p50 * 2.0, state }
    }

    #[test]
    fn a_board_that_gets_hot_and_slow() {
        let points = [
            point(1.0, 10.0, 50.0, 1800),
            point(2.0, 10.0, 60.0, 1800),
            point(3.0, 10.0, 70.0, 1800),
            point(4.0, 20.0, 80.0, 900),
        ];
        let expected = [
            "  00:04 of 00:08  p50 20.00 ",
            "   25.00 ms│      ▂▂",
            "           │      ██",
            "           │▅▅▅▅▅▅██",
            "          0│████████",
            "      80 °C│    ▃▃██",
            "      50 °C│▁▁▆▆████",
            "   1800 MHz│██████▄▄",
        ];
        assert_eq!(chart(&points, 8.0, 28), expected);
    }

    #[test]
    fn what_is_unknown_has_no_rows() {
        let mut unknown = point(1.0, 5.0, 0.0, 0);
        unknown.state = State::default();
        assert_eq!(chart(&[unknown.clone()], 60.0, 80).len(), 5);
        assert_eq!(status(&unknown, 60.0), "  00:01 of 01:00  p50 5.00  p99 6.25 ms");
        assert_eq!(
            status(&point(61.0, 5.0, 80.25, 900), 600.0),
            "  01:01 of 10:00  p50 5.00  p99 6.25 ms  80.2 °C  900 MHz  throttled"
        );
    }

    proptest! {
        #[test]
        fn no_line_leaves_the_terminal(
            columns in 0usize..60, seconds in 0.1f64..1e5,
            values in proptest::collection::vec((0.0f64..1.0, 0.0f64..1e9, -50f32..150.0), 0..30),
        ) {
            let mut at = 0.0;
            let points: Vec<Point> = values.iter().map(|&(step, p50, celsius)| {
                at += step * seconds / 20.0;
                point(at, p50, celsius, 1000)
            }).collect();
            for line in chart(&points, seconds, columns) {
                prop_assert!(line.chars().count() <= columns.max(LABEL + 1), "{line}");
            }
        }
    }
}

//! A long measurement as a picture: latency, temperature and clock over time, one panel each.

use std::path::Path;

use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::iso_8859_1::{FONT_7X13, FONT_7X13_BOLD};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Line, PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};
use image::RgbImage;

use super::meter::Point as Sample;
use crate::vision::draw::Canvas;

/// Small enough that a pixel of the canvas is one of the picture.
const SIZE: [u32; 2] = [960, 620];
const LEFT: i32 = 80;
const RIGHT: i32 = 930;
const TOP: i32 = 66;
const BOTTOM: i32 = 580;
/// Between two panels.
const GAP: i32 = 26;
/// Pixels between two neighbouring grid lines, about.
const GRID: f64 = 45.0;

const INK: Rgb888 = Rgb888::new(40, 44, 52);
const FAINT: Rgb888 = Rgb888::new(226, 229, 234);
/// Behind the times when something held the machine back.
const SHADE: Rgb888 = Rgb888::new(253, 228, 225);

/// A line of a panel.
struct Curve {
    name: &'static str,
    colour: Rgb888,
    /// Seconds and values.
    points: Vec<(f64, f64)>,
}

/// A part of the picture with a scale of its own.
struct Panel {
    name: &'static str,
    curves: Vec<Curve>,
    /// What the scale must reach down and up to.
    within: [f64; 2],
    /// Its share of the height.
    weight: i32,
}

/// Draws the series. The picture is opaque RGB of 960 × 620 pixels.
pub fn draw(title: &str, subtitle: &str, samples: &[Sample], seconds: f64) -> RgbImage {
    let [width, height] = SIZE;
    let mut pixels = vec![255; (width * height * 3) as usize];
    if let Some(mut canvas) = Canvas::new(&mut pixels, width as usize, height as usize) {
        let bold = MonoTextStyle::new(&FONT_7X13_BOLD, INK);
        let Ok(_) = Text::with_baseline(title, Point::new(LEFT, 10), bold, Baseline::Top).draw(&mut canvas);
        write(&mut canvas, subtitle, Point::new(LEFT, 27), INK, Alignment::Left);
        // Minutes, where that is long enough to count in.
        let (unit, name) = if seconds >= 120.0 { (60.0, "minutes") } else { (1.0, "seconds") };
        let panels = panels(samples);
        let weights: i32 = panels.iter().map(|panel| panel.weight).sum();
        let room = BOTTOM - TOP - GAP * (panels.len() as i32 - 1);
        let mut top = TOP;
        for panel in &panels {
            let bottom = top + room * panel.weight / weights;
            let frame = Frame { top, bottom, seconds, scale: panel.scale(bottom - top) };
            frame.draw(&mut canvas, panel, samples, unit);
            top = bottom + GAP;
        }
        for tick in ticks(0.0, seconds / unit, f64::from(RIGHT - LEFT) / 90.0) {
            let at = Point::new(column(tick * unit, seconds), BOTTOM + 4);
            write(&mut canvas, &number(tick), at, INK, Alignment::Center);
        }
        write(&mut canvas, name, Point::new(RIGHT, BOTTOM + 19), INK, Alignment::Right);
        if samples.iter().any(Sample::is_held_back) {
            let Ok(()) = canvas.fill_solid(&Rectangle::new(Point::new(LEFT, BOTTOM + 21), Size::new(14, 10)), SHADE);
            let held = "held back: under-voltage, capped or throttled";
            write(&mut canvas, held, Point::new(LEFT + 20, BOTTOM + 19), INK, Alignment::Left);
        }
    }
    RgbImage::from_raw(width, height, pixels).unwrap_or_default()
}

/// Draws the series into a PNG file.
pub fn save(path: &Path, title: &str, subtitle: &str, samples: &[Sample], seconds: f64) -> anyhow::Result<()> {
    let picture = draw(title, subtitle, samples, seconds);
    (picture.save_with_format(path, image::ImageFormat::Png))
        .map_err(|error| anyhow::anyhow!("{}: cannot be written: {error}", path.display()))
}

/// What there is to draw: what the machine does not tell has no panel.
fn panels(samples: &[Sample]) -> Vec<Panel> {
    let curve = |name, colour, value: &dyn Fn(&Sample) -> Option<f64>| Curve {
        name,
        colour,
        points: samples.iter().filter_map(|sample| Some((sample.seconds, value(sample)?))).collect(),
    };
    let blue = Rgb888::new(31, 100, 200);
    let amber = Rgb888::new(222, 135, 20);
    let p99 = curve("99 %", amber, &|sample| Some(sample.p99));
    let p50 = curve("median", blue, &|sample| Some(sample.p50));
    let celsius = curve("", Rgb888::new(200, 40, 50), &|sample| sample.state.temperature.map(f64::from));
    let clock = curve("", Rgb888::new(30, 140, 80), &|sample| sample.state.clock.current_mhz.map(f64::from));
    // A steady temperature shall look steady.
    let coolest = celsius.points.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let panels = [
        Panel { name: "latency, ms", curves: vec![p99, p50], within: [0.0, 0.0], weight: 5 },
        Panel { name: "temperature, °C", curves: vec![celsius], within: [coolest, coolest + 10.0], weight: 3 },
        Panel { name: "clock, MHz", curves: vec![clock], within: [0.0, 0.0], weight: 2 },
    ];
    panels.into_iter().filter(|panel| panel.curves.iter().any(|curve| !curve.points.is_empty())).collect()
}

impl Panel {
    /// The ends of the scale: ticks that hold every value.
    fn scale(&self, height: i32) -> [f64; 2] {
        let values = || self.curves.iter().flat_map(|curve| &curve.points).map(|point| point.1);
        let low = values().fold(self.within[0], f64::min);
        let high = values().fold(self.within[1], f64::max);
        let step = step(low, high, f64::from(height) / GRID);
        [(low / step).floor() * step, ((high / step).ceil() * step).max(low + step)]
    }
}

/// Where a panel lies, and what its edges stand for.
struct Frame {
    top: i32,
    bottom: i32,
    seconds: f64,
    scale: [f64; 2],
}

impl Frame {
    fn draw(&self, canvas: &mut Canvas<'_>, panel: &Panel, samples: &[Sample], unit: f64) {
        let mut start = 0.0;
        for sample in samples {
            if sample.is_held_back() {
                let from = Point::new(column(start, self.seconds), self.top);
                let to = Point::new(column(sample.seconds, self.seconds), self.bottom);
                let Ok(()) = canvas.fill_solid(&Rectangle::with_corners(from, to), SHADE);
            }
            start = sample.seconds;
        }
        let [low, high] = self.scale;
        for tick in ticks(low, high, f64::from(self.bottom - self.top) / GRID) {
            let row = self.row(tick);
            line(canvas, Point::new(LEFT, row), Point::new(RIGHT, row), FAINT, 1);
            write(canvas, &number(tick), Point::new(LEFT - 8, row - 6), INK, Alignment::Right);
        }
        for tick in ticks(0.0, self.seconds / unit, f64::from(RIGHT - LEFT) / 90.0) {
            let column = column(tick * unit, self.seconds);
            line(canvas, Point::new(column, self.top), Point::new(column, self.bottom), FAINT, 1);
        }
        line(canvas, Point::new(LEFT, self.bottom), Point::new(RIGHT, self.bottom), INK, 1);
        line(canvas, Point::new(LEFT, self.top), Point::new(LEFT, self.bottom), INK, 1);
        write(canvas, panel.name, Point::new(LEFT, self.top - 15), INK, Alignment::Left);
        let mut right = RIGHT;
        for curve in panel.curves.iter() {
            let at = |&(seconds, value): &(f64, f64)| Point::new(column(seconds, self.seconds), self.row(value));
            for pair in curve.points.windows(2) {
                line(canvas, at(&pair[0]), at(&pair[1]), curve.colour, 2);
            }
            if let [only] = &curve.points[..] {
                line(canvas, at(only) - Point::new(2, 0), at(only) + Point::new(2, 0), curve.colour, 3);
            }
            if !curve.name.is_empty() {
                write(canvas, curve.name, Point::new(right, self.top - 15), curve.colour, Alignment::Right);
                right -= 7 * curve.name.len() as i32 + 14;
            }
        }
    }

    fn row(&self, value: f64) -> i32 {
        let [low, high] = self.scale;
        self.bottom - ((value - low) / (high - low) * f64::from(self.bottom - self.top)).round() as i32
    }
}

/// Where a time lies between the left and the right.
fn column(at: f64, seconds: f64) -> i32 {
    LEFT + ((at / seconds).clamp(0.0, 1.0) * f64::from(RIGHT - LEFT)).round() as i32
}

fn line(canvas: &mut Canvas<'_>, from: Point, to: Point, colour: Rgb888, width: u32) {
    let Ok(()) = Line::new(from, to).into_styled(PrimitiveStyle::with_stroke(colour, width)).draw(canvas);
}

fn write(canvas: &mut Canvas<'_>, text: &str, at: Point, colour: Rgb888, alignment: Alignment) {
    let style = TextStyleBuilder::new().alignment(alignment).baseline(Baseline::Top).build();
    let Ok(_) = Text::with_text_style(text, at, MonoTextStyle::new(&FONT_7X13, colour), style).draw(canvas);
}

/// The least of 1, 2 and 5 times a power of ten that cuts the range into no more than `parts`.
fn step(low: f64, high: f64, parts: f64) -> f64 {
    let least = (high - low).max(1e-9) / parts.max(1.0);
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|&step| step >= least * 0.999).unwrap_or(least)
}

/// The multiples of a step within a range.
fn ticks(low: f64, high: f64, parts: f64) -> impl Iterator<Item = f64> {
    let step = step(low, high, parts);
    let first = (low / step - 1e-6).ceil();
    let count = ((high / step + 1e-6).floor() - first).clamp(-1.0, 100.0);
    (0..=count as i64).filter(move |_| count >= 0.0).map(move |n| (first + n as f64) * step)
}

/// A tick without needless zeros.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::clock::Clock;
    use crate::board::state::State;
    use crate::board::throttle::Throttling;
    use proptest::prelude::*;

    /// A board that is throttled in the second half.
    fn samples(count: usize, seconds: f64) -> Vec<Sample> {
        let sample = |i: usize| {
            let hot = 2 * i >= count;
            let clock = Clock { current_mhz: Some(if hot { 1000 } else { 1800 }), ..Clock::default() };
            let throttling = Some(Throttling::of_word(if hot { 4 } else { 0 }));
            let state = State { clock, temperature: Some(50.0 + i as f32), throttling };
            let p50 = if hot { 18.0 } else { 10.0 };
            Sample { seconds: (i + 1) as f64 * seconds / count as f64, runs: 9, p50, p99: p50 * 1.1, max: 30.0, state }
        };
        (0..count).map(sample).collect()
    }

    fn has(picture: &RgbImage, colour: Rgb888, columns: std::ops::Range<u32>) -> bool {
        let rgb = [colour.r(), colour.g(), colour.b()];
        picture.enumerate_pixels().any(|(x, y, pixel)| columns.contains(&x) && y < BOTTOM as u32 && pixel.0 == rgb)
    }

    #[test]
    fn curves_and_shade_lie_where_they_happened() {
        let picture = draw("model", "board", &samples(30, 300.0), 300.0);
        let middle = ((LEFT + RIGHT) / 2) as u32;
        assert!(!has(&picture, SHADE, 0..middle - 15));
        assert!(has(&picture, SHADE, middle + 15..SIZE[0]));
        let blue = Rgb888::new(31, 100, 200);
        // Of the median, a name on the right and a curve everywhere.
        assert!(has(&picture, blue, LEFT as u32 + 40..LEFT as u32 + 60));
        // The median rises: its first column is below its last one.
        let row = |x: u32| (0..SIZE[1]).rev().find(|&y| picture.get_pixel(x, y).0 == [31, 100, 200]).unwrap();
        assert!(row(LEFT as u32 + 50) > row(RIGHT as u32 - 50));
    }

    #[test]
    fn half_a_measurement_fills_half_of_the_picture() {
        let picture = draw("model", "board", &samples(30, 150.0), 300.0);
        let red = Rgb888::new(200, 40, 50);
        let middle = ((LEFT + RIGHT) / 2) as u32;
        assert!(has(&picture, red, LEFT as u32..middle + 3));
        assert!(!has(&picture, red, middle + 3..SIZE[0]));
    }

    #[test]
    fn what_a_machine_does_not_tell_has_no_panel() {
        let mut samples = samples(3, 3.0);
        samples.iter_mut().for_each(|sample| sample.state = State::default());
        assert_eq!(panels(&samples).iter().map(|panel| panel.name).collect::<Vec<_>>(), ["latency, ms"]);
        draw("", "", &samples, 3.0);
        draw("", "", &[], 3.0);
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(ticks(0.0, 1.0, 5.0).map(number).collect::<Vec<_>>(), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(ticks(47.0, 63.0, 4.0).map(number).collect::<Vec<_>>(), ["50", "55", "60"]);
        assert_eq!(ticks(0.0, 1800.0, 2.0).map(number).collect::<Vec<_>>(), ["0", "1000"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn no_series_is_too_odd_to_draw(p50 in 0.0f64..1e12, celsius in -300f32..300.0, seconds in 1e-3f64..1e7) {
            let mut samples = samples(4, seconds);
            samples[1].p50 = p50;
            samples[2].state.temperature = Some(celsius);
            prop_assert_eq!(draw("é", "", &samples, seconds).dimensions(), (SIZE[0], SIZE[1]));
        }
    }
}

//! A long measurement as a picture: latency, temperature and clock over time, one panel each.

use std::path::Path;

use super::meter::Point as Sample;
use crate::chart::{Axis, Chart, Panel, Rgb, Series, Style};

const SIZE: [u32; 2] = [960, 640];
const BLUE: Rgb = [0, 114, 178];
const AMBER: Rgb = [230, 159, 0];
const RED: Rgb = [213, 94, 0];
const GREEN: Rgb = [0, 158, 115];

/// Draws the series into a PNG file, or an SVG file where its name ends so.
pub fn save(path: &Path, title: &str, subtitle: &str, samples: &[Sample], seconds: f64) -> anyhow::Result<()> {
    Ok(chart(title, subtitle, samples, seconds).draw().save(path)?)
}

/// What is to be drawn of the series.
fn chart(title: &str, subtitle: &str, samples: &[Sample], seconds: f64) -> Chart {
    // Minutes, where that is long enough to count in.
    let (unit, name) = if seconds >= 120.0 { (60.0, "minutes") } else { (1.0, "seconds") };
    let within = Some([0.0, seconds / unit]);
    Chart {
        title: title.into(),
        subtitle: subtitle.into(),
        x: Axis { within, fixed: true, ..Axis::new(name) },
        panels: panels(samples, unit),
        size: SIZE,
        shade_label: "held back: under-voltage, capped or throttled".into(),
    }
}

/// What there is to draw: what the machine does not tell has no panel.
fn panels(samples: &[Sample], unit: f64) -> Vec<Panel> {
    let curve = |name: &str, colour, value: &dyn Fn(&Sample) -> Option<f64>| {
        let points = samples.iter().filter_map(|sample| Some([sample.seconds / unit, value(sample)?])).collect();
        Series::new(name, Style::Line, points).coloured(colour)
    };
    let p99 = curve("99 %", AMBER, &|sample| Some(sample.p99));
    let p50 = curve("median", BLUE, &|sample| Some(sample.p50));
    let celsius = curve("", RED, &|sample| sample.state.temperature.map(f64::from));
    let clock = curve("", GREEN, &|sample| sample.state.clock.current_mhz.map(f64::from));
    // A steady temperature shall look steady.
    let coolest = celsius.points.iter().map(|point| point[1]).fold(f64::INFINITY, f64::min);
    let degrees = Axis { within: Some([coolest, coolest + 10.0]), ..Axis::new("temperature, °C") };
    let panel = |y: Axis, series: Vec<Series>, weight: f64| Panel {
        shades: held_back(samples, unit),
        weight,
        ..Panel::new(y, series)
    };
    let panels = [
        panel(Axis::from_zero("latency, ms"), vec![p99, p50], 5.0),
        panel(degrees, vec![celsius], 3.0),
        panel(Axis::from_zero("clock, MHz"), vec![clock], 2.0),
    ];
    panels.into_iter().filter(|panel| panel.series.iter().any(|series| !series.points.is_empty())).collect()
}

/// The stretches in which something held the machine back.
fn held_back(samples: &[Sample], unit: f64) -> Vec<[f64; 2]> {
    let starts = std::iter::once(0.0).chain(samples.iter().map(|sample| sample.seconds));
    let stretches = starts.zip(samples).filter(|(_, sample)| sample.is_held_back());
    stretches.map(|(start, sample)| [start / unit, sample.seconds / unit]).collect()
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

    #[test]
    fn curves_and_shades_lie_where_they_happened() {
        let chart = chart("model", "board", &samples(30, 300.0), 300.0);
        assert_eq!((chart.x.label.as_str(), chart.x.within), ("minutes", Some([0.0, 5.0])));
        let latency = &chart.panels[0];
        assert_eq!((latency.shades[0][0], latency.shades[14][1], latency.shades.len()), (2.5, 5.0, 15));
        let median = latency.series.iter().find(|series| series.name == "median").expect("a median");
        assert_eq!((median.points[0][1], median.points[29]), (10.0, [5.0, 18.0]));
        let picture = chart.draw().pixels();
        // The ground is pink in the second half alone.
        let pink = |x: u32| (0..SIZE[1]).any(|y| picture.get_pixel(x, y).0 == [253, 228, 225]);
        assert!(!pink(400) && pink(600));
    }

    #[test]
    fn what_a_machine_does_not_tell_has_no_panel() {
        let mut samples = samples(3, 3.0);
        samples.iter_mut().for_each(|sample| sample.state = State::default());
        let names: Vec<String> = panels(&samples, 1.0).into_iter().map(|panel| panel.y.label).collect();
        assert_eq!(names, ["latency, ms"]);
        chart("", "", &samples, 3.0).draw();
        chart("", "", &[], 3.0).draw();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn no_series_is_too_odd_to_draw(p50 in 0.0f64..1e12, celsius in -300f32..300.0, seconds in 1e-3f64..1e7) {
            let mut samples = samples(4, seconds);
            samples[1].p50 = p50;
            samples[2].state.temperature = Some(celsius);
            prop_assert_eq!(chart("é", "", &samples, seconds).draw().pixels().dimensions(), (SIZE[0], SIZE[1]));
        }
    }
}

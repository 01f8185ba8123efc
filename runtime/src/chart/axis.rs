//! Axes: what they reach over, where their ticks are, and what is written there.

/// An axis. The data decide about its ends, as far as `within` does not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// What is measured, with its unit.
    pub label: String,
    /// What the axis holds in any case.
    pub within: Option<[f64; 2]>,
    /// Whether the axis ends where `within` does, whatever the data.
    pub fixed: bool,
    /// Powers of ten at equal distances. Values that are not positive are not drawn.
    pub log: bool,
    /// Names instead of numbers: that of 0, of 1, …
    pub names: Vec<String>,
}

impl Axis {
    /// A linear axis over the data.
    pub fn new(label: impl Into<String>) -> Axis {
        Axis { label: label.into(), ..Axis::default() }
    }

    /// From 0 to 1, whatever the data.
    pub fn share(label: impl Into<String>) -> Axis {
        Axis { within: Some([0.0, 1.0]), fixed: true, ..Axis::new(label) }
    }

    /// That holds 0.
    pub fn from_zero(label: impl Into<String>) -> Axis {
        Axis { within: Some([0.0, 0.0]), ..Axis::new(label) }
    }

    /// Logarithmic.
    pub fn log(label: impl Into<String>) -> Axis {
        Axis { log: true, ..Axis::new(label) }
    }

    /// Names at 0, 1, …
    pub fn named(label: impl Into<String>, names: Vec<String>) -> Axis {
        Axis { names, ..Axis::new(label) }
    }
}

/// An axis that knows its ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    log: bool,
    /// Whether there are names instead of numbers.
    pub names: bool,
    /// Values and what is written there; an empty text is a line of the grid only.
    pub ticks: Vec<(f64, String)>,
}

impl Scale {
    /// For values, with about `parts` ticks. With `round` the axis ends in ticks.
    pub fn new(axis: &Axis, values: impl Iterator<Item = f64>, parts: f64, round: bool) -> Scale {
        if !axis.names.is_empty() {
            let names = axis.names.iter().enumerate().map(|(at, name)| (at as f64, name.clone()));
            return Scale {
                low: -0.5,
                high: axis.names.len() as f64 - 0.5,
                log: false,
                names: true,
                ticks: names.collect(),
            };
        }
        let drawn = values.filter(|value| value.is_finite() && (!axis.log || *value > 0.0));
        let fold = |range: Option<[f64; 2]>, value: f64| match range {
            Some([low, high]) => Some([low.min(value), high.max(value)]),
            None => Some([value, value]),
        };
        let given = axis.within.filter(|[low, _]| !axis.log || *low > 0.0);
        let range = if axis.fixed && given.is_some() { given } else { drawn.fold(given, fold) };
        // An axis of nothing still has to be drawn.
        let [low, high] = range.unwrap_or(if axis.log { [1.0, 10.0] } else { [0.0, 1.0] });
        if axis.log {
            return Scale::log(low, high, parts);
        }
        let step = step(low, high, parts);
        let (mut low, mut high) = (low, high);
        if !axis.fixed && round {
            (low, high) = ((low / step + 1e-9).floor() * step, (high / step - 1e-9).ceil() * step);
        }
        if high - low < step * 1e-6 {
            high = low + step;
        }
        let ticks = ticks(low, high, parts).map(|tick| (tick, number(tick, step)));
        Scale { low, high, log: false, names: false, ticks: ticks.collect() }
    }

    fn log(low: f64, high: f64, parts: f64) -> Scale {
        let (low, high) = (low.max(1e-300), high.clamp(1e-300, 1e300));
        // The axis ends at 1, 2 or 5 times a power of ten.
        let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
        let rounds: Vec<(f64, i32)> =
            powers.clone().flat_map(|power| [1.0, 2.0, 5.0].map(|times| (times * 10f64.powi(power), power))).collect();
        let first = rounds.iter().rposition(|round| round.0 <= low * (1.0 + 1e-9)).unwrap_or(0);
        let last = rounds.iter().position(|round| round.0 >= high * (1.0 - 1e-9)).unwrap_or(rounds.len() - 1);
        // One value is no range.
        let last = last.max((first + 1).min(rounds.len() - 1));
        let (low, high) = (rounds[first].0.log10(), rounds[last].0.log10());
        let decades = (high - low).max(f64::MIN_POSITIVE);
        // Few decades have names between powers of ten, many not even at each.
        let every = (decades / parts.max(1.0)).ceil().max(1.0) as i32;
        let tick = |&(value, power): &(f64, i32)| {
            let is_power = value == 10f64.powi(power);
            let text = if is_power && power.rem_euclid(every) == 0 {
                power_of_ten(power)
            } else if !is_power && decades * 3.0 <= parts {
                number(value, 10f64.powi(power))
            } else {
                String::new()
            };
            (is_power || decades <= 3.0).then_some((value, text))
        };
        let ticks = rounds[first..=last].iter().filter_map(tick).collect();
        Scale { low, high, log: true, names: false, ticks }
    }

    /// With a little more room at both ends, and the same ticks.
    pub fn wider(self) -> Scale {
        let more = if self.names { 0.0 } else { 0.04 * (self.high - self.low) };
        Scale { low: self.low - more, high: self.high + more, ..self }
    }

    /// Where a value lies between the ends, 0 to 1, and beyond them less or more; none where it has no place.
    pub fn place(&self, value: f64) -> Option<f64> {
        let value = if self.log { (value > 0.0).then(|| value.log10())? } else { value };
        Some((value - self.low) / (self.high - self.low)).filter(|place| place.is_finite())
    }
}

/// The least of 1, 2 and 5 times a power of ten that cuts the range into no more than `parts`.
fn step(low: f64, high: f64, parts: f64) -> f64 {
    let least = (high - low).max(low.abs().max(high.abs()) * 1e-6).max(1e-12) / parts.max(1.0);
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

/// A tick with as many decimals as its step needs, and thousands or millions where that is shorter.
fn number(value: f64, step: f64) -> String {
    let size = value.abs().max(step);
    if value.abs() < step * 1e-6 {
        return "0".into();
    }
    if size >= 1e6 && (value / 1e6 * 100.0).fract().abs() < 1e-6 {
        return format!("{} M", short(value / 1e6));
    }
    if size >= 1e4 && (value / 1e3 * 10.0).fract().abs() < 1e-6 {
        return format!("{} k", short(value / 1e3));
    }
    if size < 1e-4 {
        return format!("{value:.0e}");
    }
    let decimals = (-step.log10() - 1e-9).ceil().clamp(0.0, 6.0) as usize;
    format!("{value:.decimals$}")
}

fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').into()
}

fn power_of_ten(power: i32) -> String {
    match power {
        -3..=3 => short_power(power),
        _ => format!("1e{power}"),
    }
}

fn short_power(power: i32) -> String {
    format!("{:.*}", (-power).max(0) as usize, 10f64.powi(power))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis, values: &[f64], parts: f64) -> Vec<String> {
        let scale = Scale::new(axis, values.iter().copied(), parts, true);
        scale.ticks.into_iter().map(|tick| tick.1).filter(|text| !text.is_empty()).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(texts(&Axis::share(""), &[], 5.0), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(texts(&Axis::new(""), &[47.0, 63.0], 4.0), ["45", "50", "55", "60", "65"]);
        assert_eq!(texts(&Axis::from_zero(""), &[18_000.0], 2.0), ["0", "10 k", "20 k"]);
        assert_eq!(texts(&Axis::new(""), &[0.00012, 0.0002], 2.0), ["0.00010", "0.00015", "0.00020"]);
    }

    #[test]
    fn decades_are_at_equal_distances() {
        let scale = Scale::new(&Axis::log(""), [0.02, 30.0, 0.0, f64::NAN].into_iter(), 8.0, true);
        assert_eq!(scale.place(0.02), Some(0.0));
        assert!((scale.place(1.0).unwrap() - scale.place(0.1).unwrap() - scale.place(0.2).unwrap()).abs() < 1e-12);
        assert_eq!((scale.place(0.0), scale.place(-1.0)), (None, None));
        assert_eq!(texts(&Axis::log(""), &[1e-6, 1e2], 4.0), ["1e-6", "1e-4", "0.01", "1", "100"]);
        assert_eq!(texts(&Axis::log(""), &[2.5, 8.0], 8.0), ["2", "5", "10"]);
        assert_eq!(texts(&Axis::log(""), &[2.0], 8.0), ["2", "5"]);
    }

    #[test]
    fn an_axis_of_nothing_and_of_one_value() {
        assert_eq!(texts(&Axis::new(""), &[], 2.0).len(), 3);
        let scale = Scale::new(&Axis::new(""), [7.0].into_iter(), 4.0, true);
        assert!(scale.place(7.0).is_some_and(|place| (0.0..=1.0).contains(&place)), "{scale:?}");
    }
}

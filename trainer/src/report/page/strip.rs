//! Figures with their intervals on one line: a disc, a whisker, and what they are compared with. Places are in percent of the
//! width, so that a strip is as wide as its cell.

use super::markup::Markup;
use crate::evaluate::statistics::Interval;

/// What a column of strips reaches over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// At its left end.
    pub low: f64,
    /// At its right end.
    pub high: f64,
}

/// Room at both ends, in percent, so that discs are not cut off.
const EDGE: f64 = 3.0;

impl Span {
    /// From the least to the greatest of some values, at round numbers, and within `bounds`.
    pub fn of(values: impl Iterator<Item = f64>, bounds: [f64; 2]) -> Span {
        let values = values.filter(|value| value.is_finite());
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low > high {
            return Span { low: bounds[0], high: bounds[1] };
        }
        let room = (high - low).max(0.02 * (bounds[1] - bounds[0]).abs());
        // 1, 2 or 5 of a power of ten, about a fifth of the whole.
        let power = 10f64.powf((room / 4.0).log10().floor());
        let step =
            [1.0, 2.0, 5.0, 10.0].map(|n| n * power).into_iter().find(|&step| step * 5.0 >= room).unwrap_or(power);
        let low = ((low / step).floor() * step).max(bounds[0]);
        let high = ((high / step).ceil() * step).min(bounds[1]);
        if high > low { Span { low, high } } else { Span { low: bounds[0], high: bounds[1] } }
    }

    fn place(&self, value: f64) -> String {
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        let share = if share.is_finite() { share } else { 0.0 };
        format!("{:.2}%", EDGE + share * (100.0 - 2.0 * EDGE))
    }

    /// What stands above a column of strips: both ends.
    pub fn head(&self, m: &mut Markup) {
        m.with("span", &[("class", "ends")], |m| {
            m.element("span", &[], &plain(self.low));
            m.element("span", &[], &plain(self.high));
        });
    }
}

/// A number without needless decimals.
fn plain(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A line of the strip's column.
#[derive(Clone, Debug, Default)]
pub struct Strip<'a> {
    /// The figure: a disc, and a whisker where its ends differ.
    pub figure: Option<Interval>,
    /// Single values, such as those of seeds: small rings.
    pub singles: &'a [f64],
    /// What it is compared with: a band.
    pub band: Option<Interval>,
    /// Its style: a class of the style sheet.
    pub kind: &'a str,
}

impl Strip<'_> {
    /// Draws it. `words` say the same to those who do not see it.
    pub fn draw(&self, m: &mut Markup, span: Span, words: &str) {
        m.with("svg", &[("class", &format!("strip {}", self.kind)), ("role", "img"), ("aria-label", words)], |m| {
            if let Some(band) = self.band {
                let (x1, x2) = (span.place(band.low), span.place(band.high));
                let number = |place: &str| place.trim_end_matches('%').parse::<f64>().unwrap_or(0.0);
                let width = format!("{:.2}%", number(&x2) - number(&x1));
                m.empty("rect", &[("class", "band"), ("x", &x1), ("width", &width), ("y", "0"), ("height", "100%")]);
                let x = span.place(band.value);
                m.empty("line", &[("class", "middle"), ("x1", &x), ("x2", &x), ("y1", "0"), ("y2", "100%")]);
            }
            m.empty("line", &[("class", "axis"), ("x1", "0"), ("x2", "100%"), ("y1", "50%"), ("y2", "50%")]);
            if let Some(figure) = self.figure {
                let (x1, x2) = (span.place(figure.low), span.place(figure.high));
                m.empty("line", &[("class", "whisker"), ("x1", &x1), ("x2", &x2), ("y1", "50%"), ("y2", "50%")]);
            }
            for &single in self.singles {
                m.empty("circle", &[("class", "single"), ("cx", &span.place(single)), ("cy", "50%"), ("r", "3")]);
            }
            if let Some(figure) = self.figure {
                m.empty("circle", &[("class", "mean"), ("cx", &span.place(figure.value)), ("cy", "50%"), ("r", "4.5")]);
            }
        });
    }
}

/// Several networks' values on one line: a disc each, in the colours of their kinds, and a line that joins them.
pub fn dots(m: &mut Markup, span: Span, values: &[(f64, &str)], words: &str) {
    m.with("svg", &[("class", "strip"), ("role", "img"), ("aria-label", words)], |m| {
        m.empty("line", &[("class", "axis"), ("x1", "0"), ("x2", "100%"), ("y1", "50%"), ("y2", "50%")]);
        let ends = |least: fn(f64, f64) -> f64| values.iter().map(|value| value.0).reduce(least);
        if let (Some(low), Some(high)) = (ends(f64::min), ends(f64::max)) {
            let (x1, x2) = (span.place(low), span.place(high));
            m.empty("line", &[("class", "join"), ("x1", &x1), ("x2", &x2), ("y1", "50%"), ("y2", "50%")]);
        }
        for (value, kind) in values {
            let class = format!("dot {kind}");
            m.empty("circle", &[("class", &class), ("cx", &span.place(*value)), ("cy", "50%"), ("r", "4.5")]);
        }
    });
}

/// What the colours of networks mean.
pub fn legend(m: &mut Markup, kinds: &[(&str, &str)]) {
    m.with("p", &[("class", "note legend")], |m| {
        for (kind, words) in kinds {
            m.with("span", &[("class", "nowrap")], |m| {
                m.with("svg", &[("class", "swatch"), ("viewBox", "0 0 12 12"), ("aria-hidden", "true")], |m| {
                    m.empty("circle", &[("class", &format!("dot {kind}")), ("cx", "6"), ("cy", "6"), ("r", "5")]);
                });
                m.text(words);
            });
            m.text(" ");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_end_in_round_numbers_within_their_bounds() {
        let of = |values: &[f64]| Span::of(values.iter().copied(), [0.0, 100.0]);
        assert_eq!(of(&[31.0, 44.0]), Span { low: 30.0, high: 45.0 });
        assert_eq!(of(&[97.2, 99.9]), Span { low: 97.0, high: 100.0 });
        assert_eq!(of(&[]), Span { low: 0.0, high: 100.0 });
        assert_eq!(of(&[f64::NAN]), Span { low: 0.0, high: 100.0 });
        let one = of(&[50.0]);
        assert!(one.low <= 50.0 && one.high >= 50.0 && one.low < one.high, "{one:?}");
    }

    #[test]
    fn places_are_shares_of_the_width() {
        let span = Span { low: 20.0, high: 40.0 };
        assert_eq!([20.0, 30.0, 40.0, 90.0].map(|value| span.place(value)), ["3.00%", "50.00%", "97.00%", "97.00%"]);
        let mut m = Markup::default();
        let figure = Some(Interval { value: 30.0, low: 25.0, high: 35.0 });
        Strip { figure, singles: &[29.0], band: figure, kind: "student" }.draw(&mut m, span, "30");
        let text = m.finish();
        assert!(text.contains("x1=\"26.50%\"") && text.contains("width=\"47.00%\""), "{text}");
    }
}

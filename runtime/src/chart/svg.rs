//! Drawings as SVG.

use std::fmt::Write;

use super::drawing::{Anchor, Drawing, Mark, Rgb};

// Writing to a string cannot fail, so that its results are passed over.
pub(super) fn svg(drawing: &Drawing) -> String {
    let [width, height] = drawing.size;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"system-ui, 'Segoe UI', Helvetica, Arial, sans-serif\" font-size=\"13.5\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for mark in &drawing.marks {
        write_mark(&mut text, mark);
    }
    text + "</svg>\n"
}

fn write_mark(out: &mut String, mark: &Mark) {
    let _ = match mark {
        Mark::Line { points, width, colour, dashed } => {
            let dash = if *dashed { " stroke-dasharray=\"7 5\"" } else { "" };
            let points =
                points.iter().map(|[x, y]| format!("{},{}", short(*x), short(*y))).collect::<Vec<_>>().join(" ");
            writeln!(
                out,
                "<polyline points=\"{points}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-linejoin=\"round\" \
                 stroke-linecap=\"round\"{dash}/>",
                hex(*colour),
                short(*width)
            )
        }
        Mark::Box { at: [x, y], size: [width, height], colour } => writeln!(
            out,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"/>",
            short(*x),
            short(*y),
            short(*width),
            short(*height),
            hex(*colour)
        ),
        Mark::Disc { at: [x, y], radius, colour } => writeln!(
            out,
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{}\"/>",
            short(*x),
            short(*y),
            short(*radius),
            hex(*colour)
        ),
        Mark::Text { at: [x, y], text, anchor, colour, bold, upright } => {
            let anchor = match anchor {
                Anchor::Start => "start",
                Anchor::Middle => "middle",
                Anchor::End => "end",
            };
            let weight = if *bold { " font-weight=\"bold\"" } else { "" };
            let (x, y) = (short(*x), short(*y));
            let turn = if *upright { format!(" transform=\"rotate(-90 {x} {y})\"") } else { String::new() };
            writeln!(
                out,
                "<text x=\"{x}\" y=\"{y}\" dy=\".35em\" text-anchor=\"{anchor}\" fill=\"{}\"{weight}{turn}>{}</text>",
                hex(*colour),
                escaped(text)
            )
        }
    };
}

fn hex([red, green, blue]: Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Hundredths of a pixel, without needless zeros.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').into()
}

/// Without what XML has a meaning for, or does not allow.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            control if control.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_text() {
        let mut drawing = Drawing { size: [10, 10], marks: Vec::new() };
        drawing.text([1.0, 2.25], "</text><script>&\u{7}", Anchor::End, [1, 2, 255]);
        let svg = drawing.svg();
        assert!(svg.contains("x=\"1\" y=\"2.25\""), "{svg}");
        assert!(svg.contains("fill=\"#0102ff\">&lt;/text&gt;&lt;script&gt;&amp; </text>"), "{svg}");
    }
}

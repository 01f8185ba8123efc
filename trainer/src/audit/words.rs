//! Audit and inheritance in words and as tables of text.

use super::inheritance::{Inheritance, PairInheritance, Tendency};
use super::teacher::{Audit, Measure};
use crate::evaluate::statistics::Interval;
use crate::report::{Look, Table, percent};

/// Kinds of mistakes that are named in a sentence.
const NAMED: usize = 4;

/// Classes and slices that are named in a sentence.
const FLAGGED: usize = 6;

/// A share in percent with its interval.
fn share(interval: Option<Interval>) -> String {
    interval.map_or("–".into(), |i| format!("{:.1} ({:.1} to {:.1})", 100.0 * i.value, 100.0 * i.low, 100.0 * i.high))
}

/// What was taken for what, none being nothing.
pub fn mistake(truth: Option<&str>, answer: Option<&str>) -> String {
    match (truth, answer) {
        (Some(truth), Some(answer)) => format!("{truth} taken for {answer}"),
        (Some(truth), None) => format!("{truth} missed"),
        (None, Some(answer)) => format!("{answer} seen where there is none"),
        (None, None) => "nothing".into(),
    }
}

impl Audit {
    /// What is to be said of the teacher, a sentence each.
    pub fn words(&self) -> Vec<String> {
        let unit = if self.measure == Measure::Accuracy { " %" } else { "" };
        let mut all = vec![format!(
            "On {} labelled pictures that nothing was trained on, the teacher has {} {}{unit}, 95 % interval.",
            self.pictures,
            self.measure.name(),
            share(self.whole),
        )];
        let parts = self.classes.len() + self.slices.len();
        let worse = self.worse(|name, figure| format!("{name}: {}", share(figure)));
        all.push(if worse.is_empty() {
            format!("None of the {parts} classes and slices is worse than the whole beyond the noise.")
        } else {
            format!("Worse than the whole beyond the noise, of {parts} classes and slices: {}.", worse.join("; "))
        });
        if let (Some(ece), Some(over)) = (self.reliability.ece, self.reliability.overconfidence) {
            let sure = if over > 0.0 { "too sure" } else { "not sure enough" };
            all.push(format!(
                "Its confidence is off by {} points on average (ECE); on the whole it is {sure}, by {:.1} points.",
                percent(Some(ece)),
                100.0 * over.abs()
            ));
        }
        if let Some(most) = self.confusions.first() {
            let of = most.of.map(|of| format!(" of {of}")).unwrap_or_default();
            let what = mistake(most.truth.as_deref(), most.answer.as_deref());
            all.push(format!("Its commonest mistake: {what}, {}{of} times.", most.count));
        }
        all
    }

    /// What is worse than the whole beyond the noise, in the words of `say`, which gets its name and its figure: slices
    /// before classes, and of many only some.
    pub fn worse(&self, say: impl Fn(&str, Option<Interval>) -> String) -> Vec<String> {
        let slices = self.slices.iter().filter(|slice| slice.worse);
        let slices = slices.map(|slice| (format!("{} ({})", slice.name, slice.by), slice.figure));
        let classes = self.classes.iter().filter(|class| class.worse);
        let classes = classes.map(|class| (format!("class {}", class.class), class.figure));
        let all: Vec<(String, Option<Interval>)> = slices.chain(classes).collect();
        let mut some: Vec<String> = all.iter().take(FLAGGED).map(|(name, figure)| say(name, *figure)).collect();
        if all.len() > FLAGGED {
            some.push(format!("and {} more", all.len() - FLAGGED));
        }
        some
    }

    /// The whole audit as text.
    pub fn text(&self, look: Look) -> String {
        let mut out = self.words().join("\n") + "\n\n";
        let figure = format!("{} (95 %)", self.measure.name());
        let cases = if self.objects.is_some() { "objects" } else { "pictures" };
        let mut table = Table::new(["class", cases, figure.as_str(), ""]);
        let flag = |worse: bool| if worse { "worse" } else { "" };
        for class in &self.classes {
            table.row([&class.class, &class.cases.to_string(), &share(class.figure), flag(class.worse)]);
        }
        out += &(table.render(look) + "\n");
        let mut table = Table::new(["slice", "range", "pictures", "objects", figure.as_str(), ""]);
        for slice in &self.slices {
            let [low, high] = slice.range.map(number);
            let objects = slice.objects.map_or("–".into(), |objects| objects.to_string());
            let name = format!("{}: {}", slice.by, slice.name);
            let range = format!("{low} to {high}");
            let (pictures, figure) = (slice.pictures.to_string(), share(slice.figure));
            table.row([name, range, pictures, objects, figure, flag(slice.worse).into()]);
        }
        if !table.is_empty() {
            out += &(table.render(look) + "\n");
        }
        let mut table = Table::new(["commonest mistakes", "times", "of"]);
        for confused in &self.confusions {
            let what = mistake(confused.truth.as_deref(), confused.answer.as_deref());
            table.row([what, confused.count.to_string(), confused.of.map_or("–".into(), |of| of.to_string())]);
        }
        if !table.is_empty() {
            out += &table.render(look);
        }
        out
    }
}

/// Three digits, or the whole number.
pub fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 || large.fract() == 0.0 => format!("{value:.0}"),
        large if large >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

impl Inheritance {
    /// What is to be said of it, a sentence each.
    pub fn words(&self) -> Vec<String> {
        if self.mistakes == 0 {
            return vec!["The teacher makes no mistake on the test pictures, so there is none to inherit.".into()];
        }
        let seeds = self.distilled.by_seed.len();
        let mut all = vec![format!(
            "The teacher makes {} mistakes on {} test pictures. Of these, distilled students repeat {} %, and controls, \
             which never heard it, {} % (95 %; mean of {seeds} {} each).",
            self.mistakes,
            self.pictures,
            share(self.distilled.mean),
            share(self.control.mean),
            if seeds == 1 { "seed" } else { "seeds" },
        )];
        let points = self.difference.map_or("–".into(), |d| {
            format!("{:+.1} points ({:+.1} to {:+.1})", 100.0 * d.value, 100.0 * d.low, 100.0 * d.high)
        });
        all.push(match self.tendency {
            Tendency::Inherited => format!("Distillation passed mistakes on: {points}."),
            Tendency::NotInherited => {
                format!("Distillation passed no mistakes on: {points}. What both arms repeat is hard in itself.")
            }
            Tendency::Undecided => {
                format!("Whether distillation passed mistakes on cannot be told from noise: {points}.")
            }
        });
        for (tendency, title) in [(Tendency::Inherited, "Inherited"), (Tendency::NotInherited, "Not inherited")] {
            let of: Vec<&PairInheritance> = self.pairs.iter().filter(|pair| pair.tendency == tendency).collect();
            if !of.is_empty() {
                let some: Vec<String> = of.iter().take(NAMED).map(|pair| pair.words()).collect();
                let more = if of.len() > NAMED { format!("; and {} more", of.len() - NAMED) } else { String::new() };
                all.push(format!("{title}: {}{more}.", some.join("; ")));
            }
        }
        let open = self.pairs.iter().filter(|pair| pair.tendency == Tendency::Undecided).count();
        if open > 0 {
            all.push(format!("Of {open} more kinds of mistake it cannot be told from noise."));
        }
        all
    }
}

impl PairInheritance {
    fn words(&self) -> String {
        let what = mistake(self.truth.as_deref(), self.answer.as_deref());
        let [distilled, control] = [self.distilled, self.control].map(|share| 100.0 * share);
        format!("{what} ({} times: {distilled:.0} % against {control:.0} % of the control)", self.mistakes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Mistake, Pair, Quality};
    use crate::evaluate::Probabilities;

    #[test]
    fn an_audit_is_told_in_words_and_tables() {
        let rows = (0..60).flat_map(|i| if i < 20 { [0.9, 0.1] } else { [0.2, 0.8] }).collect();
        let qualities: Vec<Quality> = (0..60).map(|i| Quality { brightness: f64::from(i), sharpness: 0.0 }).collect();
        let names = ["cat".to_owned(), "dog".to_owned()];
        let audit = Audit::of_classifier(&Probabilities { classes: 2, rows }, &[1; 60], &qualities, &names);
        let words = audit.words().join("\n");
        for expected in ["accuracy 66.7 (", "dark (brightness): 0.0 (", "cat", "dog taken for cat, 20 of 60 times"] {
            assert!(words.contains(expected), "{expected}: {words}");
        }
        let text = audit.text(Look::default());
        assert!(text.contains("brightness: dark") && text.contains("worse") && text.contains("0 to 19"), "{text}");
    }

    #[test]
    fn inheritance_is_told_in_words() {
        let mistakes: Vec<Mistake> =
            (0..8).map(|picture| Mistake { picture, pair: Pair { truth: Some(0), answer: None } }).collect();
        let i = Inheritance::new(&mistakes, &[vec![true; 8]], &[vec![false; 8]], &["cup".to_owned()]);
        let words = i.words().join(" ");
        for expected in
            ["8 mistakes on 8", "passed mistakes on: +100.0 points", "Inherited: cup missed (8 times: 100 %"]
        {
            assert!(words.contains(expected), "{expected}: {words}");
        }
        assert!(Inheritance::new(&[], &[], &[], &[]).words()[0].contains("no mistake"));
        assert_eq!([0.123, 12.34, 123.4, 3.0].map(number), ["0.12", "12.3", "123", "3"]);
    }
}

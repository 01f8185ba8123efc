//! Bindings: which loss ties which layer of the student to which of the teacher, how much it counts, and when.
//!
//! A recipe lists them as `[[distil.bindings]]`, beside the answers that every distilled student hears
//! (`distil.classes`, `distil.boxes`). They are sums: any of them go together. Layers are called **taps**. A student's are
//! named after its nodes, a teacher's after the tensors of its file; `auto` lets Retort choose ([`taps`]). Everything is
//! checked against the shapes before the first step ([`Tie`]).

pub mod taps;
mod term;
#[cfg(test)]
mod tests;
mod tie;

use serde::{Deserialize, Serialize};

pub use term::Scene;
pub use tie::{Aid, Inside, Tie, TieError};

use crate::nets::Network;

/// The tap that Retort chooses itself.
pub const AUTO: &str = "auto";

/// All taps at once: a binding for each.
pub const ALL: &str = "all";

/// The losses, by the names that the field gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Softened answers (Hinton et al. 2015).
    Kd,
    /// Target and other classes apart (Zhao et al. 2022).
    Dkd,
    /// Correlation of answers over classes and over pictures (Huang et al. 2022).
    Dist,
    /// The teacher's map, through a regressor (Romero et al. 2015).
    Fitnet,
    /// Where the map is strong (Zagoruyko and Komodakis 2017).
    At,
    /// Each channel's distribution over the picture (Shu et al. 2021).
    Cwd,
    /// Correlation of each channel (Cao et al. 2022).
    Pkd,
    /// The teacher's map from a student's map with holes (Yang et al. 2022, Masked Generative Distillation).
    Mgd,
    /// Objects and background apart, with the teacher's attention (Yang et al. 2022, Focal and Global).
    Fgd,
    /// Distances between pictures (Park et al. 2019).
    RkdD,
    /// Angles between pictures (Park et al. 2019).
    RkdA,
    /// Likeness of pictures (Tung and Mori 2019).
    Sp,
    /// What the teacher's heads read off the student's maps (Wang et al. 2024, CrossKD).
    CrossKd,
    /// Early exits that learn from the student's own last layer (Zhang et al. 2019). Needs no teacher.
    Exits,
    /// What the student itself said about a picture the last time (Kim et al. 2021). Needs no teacher.
    Past,
    /// What the running average of the student's weights says (Tarvainen and Valpola 2017). Needs no teacher.
    MeanTeacher,
}

/// What a loss compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The answers of a classifier.
    Answers,
    /// Two maps of features, place by place.
    Maps,
    /// Pictures with one another, by the mean of a map.
    Relations,
    /// The answers of a detector with those of its heads about the student's maps.
    Heads,
    /// The student with itself.
    Own,
}

/// When a binding counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// From the first step to the last.
    #[default]
    Always,
    /// More and more, from nothing, until the share `over` of the training is done; then wholly.
    Rise,
    /// Less and less, to nothing when the share `over` of the training is done.
    Fall,
}

/// One loss between two taps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// Which loss.
    pub loss: Loss,
    /// The student's tap: the name of a layer, `auto`, or `all` for every stage (of a detector, every level).
    pub student: String,
    /// The teacher's tap: the name of a tensor in its file, or `auto`.
    pub teacher: String,
    /// What the loss is multiplied with.
    pub weight: f32,
    /// When it counts.
    pub when: When,
    /// Share of the training over which it rises or falls.
    pub over: f32,
    /// Temperature of what is compared as distributions.
    pub temperature: f32,
    /// Whether each picture's logits are brought to mean 0 and deviation 1 first (Sun et al. 2024); `kd` and `dkd`.
    pub standardise: bool,
    /// Weight of the first part: the target class of `dkd`, classes of `dist` and `cross-kd`, the last layer's answers of `exits`.
    pub alpha: f32,
    /// Weight of the second part: the other classes of `dkd`, pictures of `dist`, boxes of `cross-kd`, the last layer's features of
    /// `exits`.
    pub beta: f32,
    /// Share of the cells that `mgd` hides.
    pub mask: f32,
}

impl Loss {
    /// All of them.
    pub const ALL: [Loss; 16] = [
        Loss::Kd,
        Loss::Dkd,
        Loss::Dist,
        Loss::Fitnet,
        Loss::At,
        Loss::Cwd,
        Loss::Pkd,
        Loss::Mgd,
        Loss::Fgd,
        Loss::RkdD,
        Loss::RkdA,
        Loss::Sp,
        Loss::CrossKd,
        Loss::Exits,
        Loss::Past,
        Loss::MeanTeacher,
    ];

    /// Its name in a recipe.
    pub fn name(self) -> &'static str {
        match self {
            Loss::Kd => "kd",
            Loss::Dkd => "dkd",
            Loss::Dist => "dist",
            Loss::Fitnet => "fitnet",
            Loss::At => "at",
            Loss::Cwd => "cwd",
            Loss::Pkd => "pkd",
            Loss::Mgd => "mgd",
            Loss::Fgd => "fgd",
            Loss::RkdD => "rkd-d",
            Loss::RkdA => "rkd-a",
            Loss::Sp => "sp",
            Loss::CrossKd => "cross-kd",
            Loss::Exits => "exits",
            Loss::Past => "past",
            Loss::MeanTeacher => "mean-teacher",
        }
    }

    /// What it compares.
    pub fn kind(self) -> Kind {
        match self {
            Loss::Kd | Loss::Dkd | Loss::Dist => Kind::Answers,
            Loss::Fitnet | Loss::At | Loss::Cwd | Loss::Pkd | Loss::Mgd | Loss::Fgd => Kind::Maps,
            Loss::RkdD | Loss::RkdA | Loss::Sp => Kind::Relations,
            Loss::CrossKd => Kind::Heads,
            Loss::Exits | Loss::Past | Loss::MeanTeacher => Kind::Own,
        }
    }

    /// A binding with the values that its paper or its reference implementation uses.
    pub fn usual(self) -> Binding {
        let plain = Binding {
            loss: self,
            student: AUTO.into(),
            teacher: AUTO.into(),
            weight: 1.0,
            when: When::Always,
            over: 1.0,
            temperature: 1.0,
            standardise: false,
            alpha: 1.0,
            beta: 1.0,
            mask: 0.65,
        };
        match self {
            Loss::Kd => Binding { temperature: 4.0, ..plain },
            // Their warm-up lasts 20 of 240 epochs.
            Loss::Dkd => Binding { temperature: 4.0, beta: 8.0, when: When::Rise, over: 20.0 / 240.0, ..plain },
            Loss::Dist => Binding { weight: 2.0, ..plain },
            Loss::Fitnet => Binding { weight: 100.0, ..plain },
            Loss::At => Binding { weight: 1000.0, ..plain },
            Loss::Cwd => Binding { weight: 5.0, ..plain },
            Loss::Pkd => Binding { weight: 10.0, ..plain },
            Loss::Mgd => Binding { weight: 2e-5, ..plain },
            Loss::Fgd => Binding { temperature: 0.5, ..plain },
            Loss::RkdD => Binding { weight: 25.0, ..plain },
            Loss::RkdA => Binding { weight: 50.0, ..plain },
            Loss::Sp => Binding { weight: 3000.0, ..plain },
            // Boxes by GIoU, as the paper's first form has them.
            Loss::CrossKd => Binding { beta: 2.0, ..plain },
            Loss::Exits => Binding { temperature: 3.0, alpha: 0.3, beta: 0.03, ..plain },
            Loss::Past => Binding { weight: 0.8, when: When::Rise, ..plain },
            Loss::MeanTeacher => Binding { when: When::Rise, over: 0.2, ..plain },
        }
    }
}

impl Binding {
    /// The binding itself, or one for each of a student's taps where it taps all of them.
    pub fn spread(&self, student: &Network) -> Vec<Binding> {
        if self.student != ALL || matches!(self.loss.kind(), Kind::Own | Kind::Heads) {
            return vec![self.clone()];
        }
        let taps = taps::all(student);
        taps.iter().map(|&tap| Binding { student: student.nodes[tap].name.clone(), ..self.clone() }).collect()
    }

    /// What the loss is multiplied with once a share of the training is done.
    pub fn weight(&self, done: f32) -> f32 {
        let share = if self.over > 0.0 { (done / self.over).clamp(0.0, 1.0) } else { 1.0 };
        self.weight
            * match self.when {
                When::Always => 1.0,
                When::Rise => share,
                When::Fall => 1.0 - share,
            }
    }

    /// The first key whose value cannot be used, and what would do.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if !(self.weight.is_finite() && self.weight >= 0.0) {
            return Err(("weight", "must be 0 or more"));
        }
        if !(0.0..=1.0).contains(&self.over) {
            return Err(("over", "is a share of the training, from 0 to 1"));
        }
        if !(self.temperature.is_finite() && self.temperature >= 0.1) {
            return Err(("temperature", "must be at least 0.1"));
        }
        if !(self.alpha.is_finite() && self.beta.is_finite()) {
            return Err(("alpha", "and beta must be numbers"));
        }
        if !(0.0..1.0).contains(&self.mask) {
            return Err(("mask", "must be from 0 to below 1"));
        }
        if self.standardise && !matches!(self.loss, Loss::Kd | Loss::Dkd) {
            return Err(("standardise", "is for kd and dkd"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod binding_tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_recipe() {
        for loss in Loss::ALL {
            let text = toml::to_string(&loss.usual()).expect("it is plain");
            assert!(text.contains(&format!("loss = \"{}\"", loss.name())), "{text}");
            assert_eq!(loss.usual().check(), Ok(()));
        }
    }

    #[test]
    fn weights_rise_and_fall() {
        let always = Binding { weight: 2.0, ..Loss::Pkd.usual() };
        assert_eq!([0.0, 0.5, 1.0].map(|done| always.weight(done)), [2.0; 3]);
        let rise = Binding { when: When::Rise, over: 0.5, ..always.clone() };
        assert_eq!([0.0, 0.25, 0.5, 1.0].map(|done| rise.weight(done)), [0.0, 1.0, 2.0, 2.0]);
        let fall = Binding { when: When::Fall, over: 0.5, ..always };
        assert_eq!([0.0, 0.25, 0.5, 1.0].map(|done| fall.weight(done)), [2.0, 1.0, 0.0, 0.0]);
        assert_eq!(Binding { over: 2.0, ..fall }.check().expect_err("refused").0, "over");
    }
}

//! What a recipe cannot mean, found before anything is done.

use super::merge::KeyError;
use super::schema::{Assistant, Optimisation, Recipe};
use crate::nets::{Architecture, Family};

impl Recipe {
    /// Refuses what cannot work, by the first key found.
    pub fn check(&self) -> Result<(), KeyError> {
        let refuse = |key: &str, reason: &str| Err(KeyError::Invalid { key: key.into(), reason: reason.into() });
        let name_fits =
            self.name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) && !self.name.is_empty();
        if !name_fits {
            return refuse("name", "becomes a file name: use letters, digits, - and _");
        }
        if self.seeds.is_empty() {
            return refuse("seeds", "is empty; three seeds show the spread");
        }
        for (key, side) in [("data.width", self.data.width), ("data.height", self.data.height)] {
            if !(1..=4096).contains(&side) {
                return refuse(key, "must be from 1 to 4096");
            }
            if self.detects() && !side.is_multiple_of(32) {
                return refuse(key, "must be a multiple of 32 for a detector");
            }
        }
        if !matches!(self.data.channels, 1 | 3) {
            return refuse("data.channels", "must be 1 (grey) or 3 (red, green and blue)");
        }
        if !(0.0..=0.45).contains(&self.data.holdout) {
            return refuse("data.holdout", "must be from 0 to 0.45, so that something is left to learn from");
        }
        if self.data.source == super::SHAPES && !self.detects() {
            return refuse("data.source", "draws scenes for detectors; give a folder of pictures for a classifier");
        }
        if let Err(problem) = self.augment.check() {
            return Err(KeyError::Invalid { key: "augment".into(), reason: problem });
        }
        for (key, least, count) in [
            ("scenes.teacher", 1, self.scenes.teacher),
            ("scenes.labelled", 1, self.scenes.labelled),
            ("scenes.transfer", 0, self.scenes.transfer),
            ("scenes.test", 1, self.scenes.test),
            ("quantise.pictures", 1, self.quantise.pictures),
        ] {
            if !(least..=1_000_000).contains(&count) {
                return Err(KeyError::Invalid { key: key.into(), reason: format!("must be from {least} to 1000000") });
            }
        }
        for (key, network) in [("teacher", &self.teacher.network), ("student", &self.student)] {
            check_network(key, network)?;
        }
        if self.detects() != (self.teacher.network.family == Family::Detector) {
            return refuse("teacher.family", "must fit the student's: both find objects, or both name pictures");
        }
        for (key, o) in [("teaching", &self.teaching), ("learning", &self.learning)] {
            o.check(key)?;
        }
        if self.distil.temperature.is_nan() || self.distil.temperature < 0.1 {
            return refuse("distil.temperature", "must be at least 0.1; 1 leaves the teacher's words as they are");
        }
        if !(0.0..=1.0).contains(&self.distil.score) || !(0.0..=self.distil.score).contains(&self.distil.ignore) {
            return refuse("distil.score", "must be from 0 to 1, and distil.ignore from 0 to distil.score");
        }
        let (own, assisted) = (!self.has_foreign_teacher(), self.distil.assistant != Assistant::None);
        let alike = !own || self.teacher.network.reg_max == self.student.reg_max;
        if self.distil.sides != 0.0 && (self.student.reg_max == 0 || !alike || !(own || assisted)) {
            return refuse(
                "distil.sides",
                "compares distributions: it wants a teacher or an assistant that the recipe trains, with the student's reg_max, not 0",
            );
        }
        if self.distil.assistants.iter().any(|scale| !(0.1..=32.0).contains(scale)) {
            return refuse("distil.assistants", "are multiples of the student's width, from 0.1 to 32");
        }
        let listed = self.distil.assistants.len();
        let fits = match self.distil.assistant {
            Assistant::None => listed == 0,
            Assistant::Chain => listed > 0,
            Assistant::Auto => listed <= 1,
        };
        if !fits {
            return refuse(
                "distil.assistants",
                "are at least one with distil.assistant = \"chain\", at most one, to try, with \"auto\", and none without",
            );
        }
        if !(0.01..=1.0).contains(&self.distil.probe) {
            return refuse("distil.probe", "is a share of the training, from 0.01 to 1");
        }
        if !self.teacher.answers.is_empty() {
            if !self.teacher.models.is_empty() {
                return refuse("teacher.answers", "and teacher.models exclude each other");
            }
            if self.data.source == super::SHAPES {
                return refuse("teacher.answers", "go with pictures that have names, not with drawn scenes");
            }
            if self.distil.views > 0 || self.distil.live {
                return refuse(
                    "teacher.answers",
                    "are about pictures as they are: set distil.views to 0, distil.live to false",
                );
            }
        }
        for (place, binding) in self.distil.bindings.iter().enumerate() {
            if let Err((name, reason)) = binding.check() {
                return refuse(&format!("distil.bindings[{place}].{name}"), reason);
            }
        }
        if self.distil.labelled > self.learning.batch {
            return refuse("distil.labelled", "cannot exceed learning.batch");
        }
        if !self.repair.classes.is_empty() && self.detects() {
            return refuse("repair.classes", "is for classifiers; leave it empty for a detector");
        }
        if self.repair.priors.iter().any(|share| !(0.0..=1.0).contains(share)) {
            return refuse("repair.priors", "are shares from 0 to 1, one a class, which add up to 1");
        }
        if !(self.quantise.percentile > 0.5 && self.quantise.percentile <= 1.0) {
            return refuse("quantise.percentile", "must be above 0.5 and at most 1");
        }
        if !(self.quantise.rate > 0.0 && self.quantise.rate.is_finite()) {
            return refuse("quantise.rate", "must be positive; set quantise.steps to 0 for no training in int8");
        }
        self.coverage.check().or_else(|(key, reason)| refuse(key, reason))
    }
}

fn check_network(key: &str, network: &Architecture) -> Result<(), KeyError> {
    let refuse =
        |name: &str, reason: &str| Err(KeyError::Invalid { key: format!("{key}.{name}"), reason: reason.into() });
    if network.widths.iter().chain([&network.neck]).any(|width| !(1..=8192).contains(width)) {
        return refuse("widths", "and the neck must be from 1 to 8192 channels");
    }
    if network.depths.iter().chain([&network.head]).any(|&depth| depth > 64) || network.depths.len() > 8 {
        return refuse("depths", "and the head must be at most 64 blocks, in at most 8 stages");
    }
    if network.reg_max > 64 {
        return refuse("reg_max", "must be at most 64 strides; 7 to 16 are usual");
    }
    if !(network.scale > 0.0 && network.scale <= 16.0) {
        return refuse("scale", "must be above 0 and at most 16");
    }
    if !(0.0..1.0).contains(&network.dropout) || !(0.0..1.0).contains(&network.input_dropout) {
        return refuse("dropout", "and input_dropout must be from 0 to below 1");
    }
    Ok(())
}

impl Optimisation {
    fn check(&self, key: &str) -> Result<(), KeyError> {
        let refuse =
            |name: &str, reason: &str| Err(KeyError::Invalid { key: format!("{key}.{name}"), reason: reason.into() });
        if !(1..=65536).contains(&self.batch) {
            return refuse("batch", "must be from 1 to 65536");
        }
        if self.epochs == 0 && self.steps == 0 {
            return refuse("steps", "is 0, and so is epochs: nothing would be learned");
        }
        if !(self.rate > 0.0 && self.rate.is_finite() && self.clip > 0.0 && self.max_norm > 0.0) {
            return refuse("rate", "and clip and max_norm must be positive");
        }
        let shares = [("average", self.average), ("momentum", self.momentum), ("smoothing", self.smoothing)];
        for (name, share) in shares {
            if !(0.0..1.0).contains(&share) {
                return refuse(name, "must be from 0 to below 1");
            }
        }
        if !(0.0..=1.0).contains(&self.floor) || self.decay.is_nan() || self.decay < 0.0 {
            return refuse("floor", "must be from 0 to 1, and decay at least 0");
        }
        if (self.patience > 0 || self.keep_best) && self.validate == 0 {
            return refuse("validate", "is 0, but patience or keep_best want validations");
        }
        Ok(())
    }
}

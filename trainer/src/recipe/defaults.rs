//! What every key of a recipe is if nobody says: the recipe of the shapes.

use super::again::Again;
use super::coverage::Coverage;
use super::schema::{Assistant, Data, Detection, Distil, Optimisation, Quantise, Recipe, Scenes, Teacher};
use crate::data::Augmentation;
use crate::distil::repair::Repair;
use crate::nets::Architecture;
use crate::train::{Decline, Rule};

impl Default for Optimisation {
    fn default() -> Self {
        Optimisation {
            epochs: 0,
            steps: 3400,
            batch: 8,
            rule: Rule::AdamW,
            rate: 2e-2,
            warmup: 50,
            decline: Decline::Cosine,
            floor: 0.02,
            milestones: vec![0.5, 0.75],
            factor: 0.1,
            decay: 0.02,
            clip: 10.0,
            momentum: 0.9,
            max_norm: f32::INFINITY,
            average: 0.99,
            measured: 0,
            validate: 0,
            patience: 0,
            keep_best: false,
            save: 20,
            classes: 1.0,
            boxes: 2.0,
            smoothing: 0.0,
            cells: 9,
        }
    }
}

impl Default for Recipe {
    fn default() -> Self {
        Recipe {
            name: "shapes".into(),
            seeds: vec![1, 2, 3],
            data: Data {
                source: super::SHAPES.into(),
                frames: String::new(),
                labels: String::new(),
                classes: Vec::new(),
                most: 0,
                test: String::new(),
                test_frames: String::new(),
                test_labels: String::new(),
                test_most: 0,
                validation: String::new(),
                transfer: String::new(),
                holdout: 0.1,
                labelled: 0,
                without: Vec::new(),
                seed: 7,
                width: 128,
                height: 128,
                channels: 3,
                stretch: false,
            },
            scenes: Scenes { teacher: 3000, labelled: 48, transfer: 2400, validation: 100, test: 400 },
            augment: Augmentation::default(),
            teacher: Teacher {
                models: Vec::new(),
                answers: String::new(),
                network: Architecture {
                    widths: vec![24, 48, 96, 128, 160],
                    neck: 96,
                    residual: true,
                    ..Architecture::default()
                },
            },
            teaching: Optimisation { steps: 4800, ..Optimisation::default() },
            student: Architecture::default(),
            learning: Optimisation::default(),
            distil: Distil {
                temperature: 1.5,
                classes: 1.0,
                boxes: 2.0,
                sides: 0.0,
                labels: 1.0,
                labelled: 1,
                score: 0.5,
                ignore: 0.1,
                tracks: false,
                views: 0,
                live: false,
                assistant: Assistant::None,
                assistants: Vec::new(),
                probe: 0.25,
                bindings: Vec::new(),
            },
            repair: Repair { classes: Vec::new(), priors: Vec::new(), pictures: 1000 },
            quantise: Quantise { pictures: 64, percentile: 1.0, epochs: 0, steps: 0, rate: 3e-4, warmup: 20 },
            detection: Detection { score: 0.4, overlap: 0.6 },
            coverage: Coverage::default(),
            again: Again::default(),
        }
    }
}

//! A binding whose ends are known, and the trained layers that it needs beside the student's.

use std::sync::Arc;

use super::{AUTO, Binding, Kind, Loss, taps};
use crate::data::Rng;
use crate::nets::{FixedHeads, Network, Parameter, Role, changeovers};
use crate::teacher::Tap;

/// Why a binding cannot be.
#[derive(Debug, thiserror::Error)]
#[error("distil.bindings[{place}] ({}): {problem}", loss.name())]
pub struct TieError {
    /// Which of them, counted from 0.
    pub place: usize,
    /// Its loss.
    pub loss: Loss,
    /// What is wrong, and what would do.
    pub problem: String,
}

/// A trained array that helps a loss and is not part of the student.
#[derive(Clone, Debug, PartialEq)]
pub struct Aid {
    pub(super) layer: String,
    role: Role,
    shape: [usize; 2],
    /// What all its values are at first; random where none is named.
    start: Option<f32>,
}

/// What is known of the inside of a teacher.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inside<'a> {
    /// Its tensors; none of one that is known by its answers only.
    pub taps: &'a [Tap],
    /// Its heads, if it is a detector that the recipe trains.
    pub heads: Option<&'a Arc<FixedHeads>>,
}

/// A binding whose ends are known.
#[derive(Clone, Debug, PartialEq)]
pub struct Tie {
    /// What the recipe says.
    pub binding: Binding,
    pub(super) place: usize,
    /// The student's tap; for early exits all of them.
    pub(super) students: Vec<usize>,
    /// The student's layer before the logits, for early exits.
    pub(super) last: Option<usize>,
    /// Rows and columns of the student's picture.
    pub(super) picture: [usize; 2],
    /// The teacher's tap and which of a lesson's features it is.
    pub(super) teacher: Option<(Tap, usize)>,
    /// The teacher's heads, if the student's maps go through them.
    pub(super) heads: Option<Arc<FixedHeads>>,
    pub(super) aids: Vec<Aid>,
}

impl Tie {
    /// Ties a binding of a recipe, `place` in its list, to a student and to a teacher of whom this is known.
    ///
    /// # Errors
    /// A [`TieError`] with what would do.
    pub fn new(place: usize, binding: &Binding, student: &Network, teacher: Inside<'_>) -> Result<Tie, TieError> {
        let loss = binding.loss;
        let refuse = |problem: String| TieError { place, loss, problem };
        let classifies = student.levels().is_empty();
        if !classifies && matches!(loss.kind(), Kind::Answers | Kind::Own) {
            return Err(refuse(
                "is for classifiers; a detector's answers are taught by distil.classes and distil.boxes".into(),
            ));
        }
        let shape = student.input();
        let mut tie = Tie {
            binding: binding.clone(),
            place,
            students: Vec::new(),
            last: taps::embedding(student),
            picture: [shape.height, shape.width],
            teacher: None,
            heads: None,
            aids: Vec::new(),
        };
        match loss.kind() {
            Kind::Answers => {
                if loss == Loss::Dkd && student.head.classes() < 3 {
                    return Err(refuse(
                        "tells the target from the other classes, of which there is but one; use kd".into(),
                    ));
                }
            }
            Kind::Own if loss == Loss::Exits => tie.exits(student).map_err(refuse)?,
            Kind::Own => {}
            Kind::Heads => tie.cross(student, teacher.heads).map_err(refuse)?,
            Kind::Maps | Kind::Relations => {
                let tap = student_tap(&binding.student, student).map_err(refuse)?;
                let partner = teacher_tap(&binding.teacher, student, tap, teacher.taps).map_err(refuse)?;
                let partner = &teacher.taps[partner];
                tie.check(student, tap, partner).map_err(refuse)?;
                tie.students.push(tap);
                tie.teacher = Some((partner.clone(), usize::MAX));
                tie.help(student, tap);
            }
        }
        Ok(tie)
    }

    /// The teacher's tap, if it needs one.
    pub fn tap(&self) -> Option<&Tap> {
        self.teacher.as_ref().map(|(tap, _)| tap)
    }

    /// Says which of a lesson's features is the tap's.
    pub fn found_at(&mut self, place: usize) {
        if let Some((_, feature)) = &mut self.teacher {
            *feature = place;
        }
    }

    /// The binding in words: what is tied to what.
    pub fn words(&self, student: &Network) -> String {
        let names: Vec<&str> = self.students.iter().map(|&tap| student.nodes[tap].name.as_str()).collect();
        let own = |tap: usize| student.nodes[tap].shape;
        let mut words = self.binding.loss.name().to_owned();
        if let [tap] = self.students[..] {
            let s = own(tap);
            words += &format!(": student {} ({}×{}×{})", names[0], s.height, s.width, s.channels);
        } else if !names.is_empty() {
            words += &format!(": {}", names.join(", "));
        }
        if let Some((tap, _)) = &self.teacher {
            let [rows, columns, channels] = tap.shape;
            words += &format!(", teacher {} ({rows}×{columns}×{channels})", tap.name);
        }
        words
    }

    fn check(&self, student: &Network, tap: usize, teacher: &Tap) -> Result<(), String> {
        let s = student.nodes[tap].shape;
        let [rows, columns, _] = teacher.shape;
        if self.binding.loss.kind() == Kind::Relations {
            return Ok(());
        }
        let whole = |a: usize, b: usize| a.is_multiple_of(b) || b.is_multiple_of(a);
        if !whole(rows, s.height) || !whole(columns, s.width) {
            return Err(format!(
                "the student's {} is {}×{} cells, the teacher's {} {rows}×{columns}; one must be a whole multiple of the \
                 other. Name other taps; `retort-train plan --taps` lists them",
                student.nodes[tap].name, s.height, s.width, teacher.name
            ));
        }
        Ok(())
    }

    /// Name of a layer that helps.
    pub(super) fn name(&self, what: &str) -> String {
        format!("binding{}.{what}", self.place)
    }

    fn aid(&mut self, what: &str, role: Role, shape: [usize; 2], start: Option<f32>) {
        let layer = self.name(what);
        self.aids.push(Aid { layer, role, shape, start });
    }

    /// A fully connected layer.
    fn dense(&mut self, what: &str, inputs: usize, outputs: usize, start: Option<f32>) {
        self.aid(what, Role::Weight, [inputs, outputs], start);
        self.aid(what, Role::Bias, [1, outputs], Some(0.0));
    }

    /// Early exits at the end of every stage but the last.
    fn exits(&mut self, student: &Network) -> Result<(), String> {
        let mut ends = taps::ends(student);
        ends.pop();
        if self.binding.student != AUTO {
            ends = vec![student_tap(&self.binding.student, student)?];
        }
        let Some(last) = self.last.filter(|_| !ends.is_empty()) else {
            return Err("there is no stage before the last one".into());
        };
        let width = student.nodes[last].shape.channels;
        for (exit, &end) in ends.iter().enumerate() {
            self.dense(&format!("exit{exit}"), student.nodes[end].shape.channels, width, None);
            self.dense(&format!("exit{exit}.logits"), width, student.head.classes(), None);
        }
        self.students = ends;
        Ok(())
    }

    /// The student's maps, through layers that bring them to the teacher's channels where those differ, into the teacher's heads.
    fn cross(&mut self, student: &Network, heads: Option<&Arc<FixedHeads>>) -> Result<(), String> {
        if student.levels().is_empty() {
            return Err("is for detectors: it sends the student's maps through the teacher's heads".into());
        }
        let heads = heads.ok_or(
            "sends the student's maps through the teacher's heads, which are known of a detector that the recipe trains only",
        )?;
        let alike = |network: &Network| {
            let strides: Vec<usize> = network.levels().iter().map(|level| level.stride).collect();
            (strides, network.bins(), network.head.classes(), network.input().height, network.input().width)
        };
        if alike(student) != alike(heads.network()) {
            return Err(
                "wants answers of the teacher that are laid out as the student's: give both the same reg_max".into()
            );
        }
        self.students = changeovers(student);
        let pairs: Vec<_> = self.students.iter().copied().zip(heads.channels()).collect();
        for (level, (tap, channels)) in pairs.into_iter().enumerate() {
            let own = student.nodes[tap].shape.channels;
            if own != channels {
                self.dense(&regressor(level), own, channels, None);
            }
        }
        self.heads = Some(heads.clone());
        Ok(())
    }

    /// The layers that bring the student's map to the teacher's channels, and what else the loss trains.
    fn help(&mut self, student: &Network, tap: usize) {
        let Some((teacher, _)) = &self.teacher else { return };
        let (own, channels) = (student.nodes[tap].shape.channels, teacher.shape[2]);
        let loss = self.binding.loss;
        if self.binding.loss.kind() == Kind::Maps && loss != Loss::At && (own != channels || loss == Loss::Fitnet) {
            self.dense(&regressor(0), own, channels, None);
        }
        match loss {
            Loss::Mgd => {
                for what in ["generator1", "generator2"] {
                    self.dense(what, 9 * channels, channels, None);
                }
            }
            Loss::Fgd => {
                for side in ["student", "teacher"] {
                    let hidden = (channels / 2).max(1);
                    self.aid(&format!("{side}.attention"), Role::Weight, [channels, 1], None);
                    self.dense(&format!("{side}.squeeze"), channels, hidden, None);
                    self.aid(&format!("{side}.norm"), Role::Gamma, [1, hidden], Some(1.0));
                    self.aid(&format!("{side}.norm"), Role::Beta, [1, hidden], Some(0.0));
                    // At first the blocks add nothing.
                    self.dense(&format!("{side}.expand"), hidden, channels, Some(0.0));
                }
            }
            _ => {}
        }
    }

    /// The trained layers, with first values named by a seed (He et al. 2015, by fan-in).
    pub fn aids(&self, seed: u64) -> Vec<Parameter> {
        let mut rng = Rng::new(&[seed, 0xa1d, self.place as u64]);
        let fresh = |aid: &Aid| {
            let [rows, columns] = aid.shape;
            let deviation = (1.0 / rows as f32).sqrt();
            let mut value = || aid.start.unwrap_or_else(|| rng.normal() * deviation);
            let values = (0..rows * columns).map(|_| value()).collect();
            Parameter { layer: aid.layer.clone(), role: aid.role, shape: aid.shape, values }
        };
        self.aids.iter().map(fresh).collect()
    }
}

/// What the layer is called that brings the student's map, one of several, to the teacher's channels.
pub(super) fn regressor(place: usize) -> String {
    if place == 0 { "regressor".into() } else { format!("regressor{place}") }
}

fn student_tap(name: &str, student: &Network) -> Result<usize, String> {
    let ends = || {
        let names: Vec<&str> = taps::ends(student).iter().map(|&tap| student.nodes[tap].name.as_str()).collect();
        names.join(", ")
    };
    if name == AUTO {
        return taps::deepest(student).ok_or_else(|| "the student has no layer to tap".into());
    }
    let found = student.nodes.iter().position(|node| node.name == name);
    found.ok_or_else(|| format!("the student has no layer `{name}`; its stages end at {}", ends()))
}

fn teacher_tap(name: &str, student: &Network, tap: usize, teacher: &[Tap]) -> Result<usize, String> {
    if teacher.is_empty() {
        return Err("looks into the teacher, of whom only answers are known; use kd, dkd or dist".into());
    }
    if name == AUTO {
        let shape = student.nodes[tap].shape;
        let own = || format!("{}, {}×{}", student.nodes[tap].name, shape.height, shape.width);
        return taps::partner(shape.height, shape.width, teacher)
            .ok_or_else(|| format!("the teacher has no map that fits the student's ({}); name one", own()));
    }
    let found = teacher.iter().position(|tap| tap.name == name);
    found.ok_or_else(|| format!("the teacher has no tensor `{name}`; `retort-train plan --taps` lists those it has"))
}

//! A classifier's scores: what the output that the contract names says of the classes, the likeliest first.

use super::heads::Outputs;
use crate::contract::{Contract, Head, ScoreForm, fields, output_index};
use crate::error::ContractError;
use crate::tensor::{Port, Quantisation, TensorRef};

/// A class and how likely it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Index among the contract's classes.
    pub class: u32,
    /// 0 to 1; over all classes the sum is 1 where the model gives logits.
    pub score: f32,
}

/// The scores among a classifier's outputs.
#[derive(Clone, Copy, Debug)]
pub struct Scores {
    output: usize,
    form: ScoreForm,
    quantisation: Quantisation,
}

impl Scores {
    /// Finds the output that the contract names: one number a class, in any shape.
    ///
    /// # Errors
    /// [`ContractError`] where there is none, or it has another length or type.
    pub fn new(contract: &Contract, outputs: &[Port]) -> Result<Scores, ContractError> {
        let Head::Logits { output: name, scores } = &contract.head else {
            return Err(fields::error("head.kind", "finds boxes; to classify it must be `logits`"));
        };
        let key = "head.output";
        let output = output_index(key, name, outputs)?;
        let (port, classes) = (&outputs[output], contract.classes.len());
        if !port.is_vector() || port.len() != classes {
            let problem = format!(
                "output `{name}` is {:?} of {}, not a number for each of {classes} classes",
                port.shape, port.element
            );
            return Err(fields::error(key, problem));
        }
        Ok(Scores { output, form: *scores, quantisation: port.quantisation.unwrap_or(Quantisation::UNIT) })
    }

    /// Ranks the classes of a run. `ranked` is cleared first, and does not grow where it has room for all classes.
    #[inline(never)]
    pub fn rank(&self, outputs: &dyn Outputs, ranked: &mut Vec<Ranked>) {
        let real = |stored: i32| self.quantisation.real(stored);
        ranked.clear();
        let entry = |(class, score)| Ranked { class: class as u32, score };
        match outputs.output(self.output) {
            TensorRef::F32(data) => ranked.extend(data.iter().copied().enumerate().map(entry)),
            TensorRef::U8(data) => ranked.extend(data.iter().map(|&q| real(q.into())).enumerate().map(entry)),
            TensorRef::I8(data) => ranked.extend(data.iter().map(|&q| real(q.into())).enumerate().map(entry)),
            TensorRef::I32(_) | TensorRef::I64(_) => {}
        }
        if self.form == ScoreForm::Logits {
            softmax(ranked);
        }
        ranked.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.class.cmp(&b.class)));
    }
}

fn softmax(ranked: &mut [Ranked]) {
    let largest = ranked.iter().map(|entry| entry.score).fold(f32::NEG_INFINITY, f32::max);
    for entry in ranked.iter_mut() {
        entry.score = (entry.score - largest).exp();
    }
    let sum: f32 = ranked.iter().map(|entry| entry.score).sum();
    for entry in ranked {
        entry.score /= sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::ElementType;

    const CONTRACT: &str = r#"
        task = "classify"
        classes = ["a", "b", "c"]
        image = { colour = "grey", resize = "stretch" }
        head = { kind = "logits", output = "logits" }
    "#;

    fn port(shape: &[usize], element: ElementType, quantisation: Option<Quantisation>) -> Port {
        let order = (0..shape.len()).collect();
        Port { name: "logits".into(), element, shape: shape.into(), order, quantisation }
    }

    #[test]
    fn ranks_by_softmax_with_ties_in_order() {
        let contract = Contract::from_toml(CONTRACT).unwrap();
        let scores = Scores::new(&contract, &[port(&[1, 3], ElementType::F32, None)]).unwrap();
        let mut ranked = Vec::with_capacity(3);
        let logits = [0.0, 2f32.ln(), 0.0];
        scores.rank(&&[TensorRef::F32(&logits)][..], &mut ranked);
        assert_eq!(ranked.iter().map(|entry| entry.class).collect::<Vec<_>>(), [1, 0, 2]);
        assert!((ranked[0].score - 0.5).abs() < 1e-6 && (ranked[2].score - 0.25).abs() < 1e-6);
    }

    #[test]
    fn quantised_scores_rank_as_what_they_mean() {
        let contract = Contract::from_toml(CONTRACT).unwrap();
        let quantisation = Some(Quantisation { scale: 0.5, zero_point: 3 });
        let scores = Scores::new(&contract, &[port(&[1, 3, 1, 1], ElementType::I8, quantisation)]).unwrap();
        let mut ranked = Vec::with_capacity(3);
        scores.rank(&&[TensorRef::I8(&[-128, 3, 127])][..], &mut ranked);
        assert_eq!((ranked[0].class, ranked[1].class), (2, 1));
        assert!(ranked[0].score > 0.999);
    }

    #[test]
    fn outputs_that_are_no_scores_are_refused() {
        let contract = Contract::from_toml(CONTRACT).unwrap();
        for (shape, element) in [(&[1, 4][..], ElementType::F32), (&[1, 3], ElementType::I64)] {
            let error = Scores::new(&contract, &[port(shape, element, None)]).unwrap_err().to_string();
            assert!(error.contains("head.output"), "{error}");
        }
    }
}

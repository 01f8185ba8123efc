//! How unlike a frame is to everything that its model was taught: where its embedding lies among the prototypes of the
//! pictures that the model learned from.

use super::heads::Outputs;
use crate::contract::{Contract, Coverage, fields, output_index};
use crate::error::ContractError;
use crate::tensor::{Port, Quantisation, TensorRef};

/// Beyond this a frame is no more unlike; it also stands for an embedding that is not finite.
pub const MOST: f32 = 1e6;

impl Coverage {
    /// The distance to the nearest prototype in units of its radius: 0 on the prototype, 1 on the edge of what the model
    /// was taught, above 1 outside of it. At most [`MOST`]. `embedding` has a number for each of the
    /// deviations.
    pub fn novelty(&self, embedding: &[f32]) -> f32 {
        let distances = self.prototypes.iter().map(|prototype| self.distance(prototype, embedding));
        let nearest = distances.zip(&self.radii).min_by(|(a, _), (b, _)| a.total_cmp(b));
        nearest.map_or(MOST, |(distance, radius)| (distance / radius).min(MOST))
    }

    /// Euclid's distance in units of the deviations.
    pub fn distance(&self, a: &[f32], b: &[f32]) -> f32 {
        let square = |((a, b), deviation): ((&f32, &f32), &f32)| ((a - b) / deviation).powi(2);
        a.iter().zip(b).zip(&self.deviations).map(square).sum::<f32>().sqrt()
    }
}

/// The embedding among a model's outputs.
#[derive(Clone, Debug)]
pub struct Embedding {
    output: usize,
    quantisation: Quantisation,
    values: Vec<f32>,
}

impl Embedding {
    /// Finds the output `name`, a number a channel in any shape. `key` is where the contract names it.
    ///
    /// # Errors
    /// [`ContractError`] where there is none, or it is no vector of numbers.
    pub fn new(key: &str, name: &str, outputs: &[Port]) -> Result<Embedding, ContractError> {
        let output = output_index(key, name, outputs)?;
        let port = &outputs[output];
        if !port.is_vector() || port.is_empty() {
            let problem = format!("output `{name}` is {:?} of {}, not a vector of numbers", port.shape, port.element);
            return Err(fields::error(key, problem));
        }
        let quantisation = port.quantisation.unwrap_or(Quantisation::UNIT);
        Ok(Embedding { output, quantisation, values: vec![0.0; port.len()] })
    }

    /// How many numbers it has.
    pub fn channels(&self) -> usize {
        self.values.len()
    }

    /// The embedding of a run. Does not allocate.
    pub fn read(&mut self, outputs: &dyn Outputs) -> &[f32] {
        let quantisation = self.quantisation;
        let values = self.values.iter_mut();
        match outputs.output(self.output) {
            TensorRef::F32(data) => values.zip(data).for_each(|(value, &x)| *value = x),
            TensorRef::U8(data) => values.zip(data).for_each(|(value, &q)| *value = quantisation.real(q.into())),
            TensorRef::I8(data) => values.zip(data).for_each(|(value, &q)| *value = quantisation.real(q.into())),
            TensorRef::I32(_) | TensorRef::I64(_) => {}
        }
        &self.values
    }
}

/// What measures the novelty of frames.
#[derive(Clone, Debug)]
pub struct Gauge {
    coverage: Coverage,
    embedding: Embedding,
}

impl Gauge {
    /// For a contract; `None` where it has no prototypes.
    ///
    /// # Errors
    /// [`ContractError`] where the model has no such output, or one of another length.
    pub fn new(contract: &Contract, outputs: &[Port]) -> Result<Option<Gauge>, ContractError> {
        let Some(coverage) = &contract.coverage else { return Ok(None) };
        let embedding = Embedding::new("coverage.output", &coverage.output, outputs)?;
        let (found, wanted) = (embedding.channels(), coverage.deviations.len());
        if found != wanted {
            let problem = format!("has {wanted} numbers, but output `{}` has {found} channels", coverage.output);
            return Err(fields::error("coverage.deviations", problem));
        }
        Ok(Some(Gauge { coverage: coverage.clone(), embedding }))
    }

    /// The [novelty](Coverage::novelty) of the frame of a run. Does not allocate.
    #[inline(never)]
    pub fn novelty(&mut self, outputs: &dyn Outputs) -> f32 {
        self.coverage.novelty(self.embedding.read(outputs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::ElementType;

    fn coverage() -> Coverage {
        Coverage {
            output: "embedding".into(),
            quantile: 0.99,
            deviations: vec![1.0, 0.5],
            prototypes: vec![vec![0.0, 0.0], vec![10.0, 1.0]],
            radii: vec![5.0, 2.0],
        }
    }

    fn port(shape: &[usize], element: ElementType, quantisation: Option<Quantisation>) -> Port {
        let order = (0..shape.len()).collect();
        Port { name: "embedding".into(), element, shape: shape.into(), order, quantisation }
    }

    fn contract(coverage: Option<Coverage>) -> Contract {
        let text = r#"
            task = "classify"
            classes = ["a"]
            image = { colour = "grey", resize = "stretch" }
            head = { kind = "logits", output = "logits" }
        "#;
        Contract { coverage, ..Contract::from_toml(text).unwrap() }
    }

    #[test]
    fn novelty_is_the_distance_in_radii() {
        let coverage = coverage();
        assert_eq!(coverage.novelty(&[0.0, 0.0]), 0.0);
        // 3 deviations along the first channel and 4 along the second: 5 of 5, and far more than 2 from the other.
        assert_eq!(coverage.novelty(&[3.0, 2.0]), 1.0);
        // (-2, 0) from the second prototype: 2 of 2.
        assert_eq!(coverage.novelty(&[8.0, 1.0]), 1.0);
        // √(4.5² + 2²) from the second is nearer than 5.5 from the first, and the second's radius counts.
        assert!((coverage.novelty(&[5.5, 0.0]) - 24.25f32.sqrt() / 2.0).abs() < 1e-6);
        assert_eq!(coverage.novelty(&[f32::NAN, 0.0]), MOST);
        assert_eq!(coverage.novelty(&[f32::INFINITY, 0.0]), MOST);
    }

    #[test]
    fn bytes_are_read_as_what_they_mean() {
        let quantisation = Some(Quantisation { scale: 0.5, zero_point: 10 });
        let ports = [port(&[1, 2, 1, 1], ElementType::U8, quantisation)];
        let mut gauge = Gauge::new(&contract(Some(coverage())), &ports).unwrap().unwrap();
        assert_eq!(gauge.novelty(&&[TensorRef::U8(&[16, 14])][..]), 1.0);
        let mut gauge =
            Gauge::new(&contract(Some(coverage())), &[port(&[1, 2], ElementType::F32, None)]).unwrap().unwrap();
        assert_eq!(gauge.novelty(&&[TensorRef::F32(&[10.0, 1.0])][..]), 0.0);
    }

    #[test]
    fn outputs_that_do_not_fit_are_refused() {
        assert!(Gauge::new(&contract(None), &[]).unwrap().is_none());
        let refusal = |shape: &[usize], element| {
            Gauge::new(&contract(Some(coverage())), &[port(shape, element, None)]).unwrap_err().to_string()
        };
        assert!(
            refusal(&[1, 3], ElementType::F32)
                .contains("coverage.deviations: has 2 numbers, but output `embedding` has 3")
        );
        assert!(refusal(&[2, 2], ElementType::F32).contains("not a vector"));
        assert!(refusal(&[1, 2], ElementType::I64).contains("coverage.output"));
        let missing = Gauge::new(&contract(Some(coverage())), &[]).unwrap_err().to_string();
        assert!(missing.contains("the model has no output `embedding`"), "{missing}");
    }
}

//! The tiny networks in `golden/`, which came with what ONNX Runtime makes of them (`golden/make.py` says how): int8 bit
//! for bit, f32 within a relative 1e-5.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use retort::model::{LoadOptions, Model};
use retort_tests::tensors::{Values, fill, take};

#[test]
fn results_are_those_of_onnx_runtime() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let mut cases: Vec<_> = std::fs::read_dir(&folder)
        .expect("golden/")
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.is_dir())
        .collect();
    cases.sort();
    assert!(cases.len() >= 44, "only {} cases in {}", cases.len(), folder.display());
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| check(case).err().map(|error| format!("{}: {error:#}", case.display())))
        .collect();
    assert!(failures.is_empty(), "{} of {} cases fail:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

/// Runs one case. No part of any may need a fallback.
fn check(case: &Path) -> Result<()> {
    let model = Model::open(&case.join("model.onnx"), &LoadOptions { strict: true, ..Default::default() })?;
    let mut session = model.session();
    for index in 0..model.inputs().len() {
        let values = Values::read(&case.join(format!("test_data_set_0/input_{index}.pb")))?;
        fill(&model, &mut session, index, &values)?;
    }
    session.run()?;
    let exact = case.file_name().is_some_and(|name| name.to_string_lossy().starts_with("int8_"));
    for (index, port) in model.outputs().iter().enumerate() {
        let expected = Values::read(&case.join(format!("test_data_set_0/output_{index}.pb")))?;
        let got = take(&model, &session, index);
        compare(&got, &expected, exact).with_context(|| format!("output {}", port.name))?;
    }
    Ok(())
}

fn compare(got: &Values, expected: &Values, exact: bool) -> Result<()> {
    ensure!(got.shape == expected.shape, "shape {:?} where {:?} is right", got.shape, expected.shape);
    let size = expected.elements.iter().fold(0.0, |largest: f64, v| largest.max(v.abs()));
    let near = |a: f64, b: f64| if exact { a == b } else { (a - b).abs() <= 1e-5 * b.abs().max(size) };
    let pairs = || got.elements.iter().zip(&expected.elements).enumerate();
    let wrong = pairs().filter(|(_, (a, b))| !near(**a, **b)).count();
    if let Some((place, (a, b))) = pairs().find(|(_, (a, b))| !near(**a, **b)) {
        anyhow::bail!("{wrong} of {} differ, first at {place}: {a} where {b} is right", expected.elements.len());
    }
    Ok(())
}

//! Whole networks, one thread: the input written into the arena, then every step of the plan.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use retort::Error;
use retort::model::{InputKind, LoadOptions, Model, Session};
use retort::tensor::TensorMut;
use retort_benches::{models, pattern};

fn networks(c: &mut Criterion) {
    let mut group = c.benchmark_group("model");
    for path in models::found() {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (model, inputs) = match load(&path) {
            Ok(loaded) => loaded,
            Err(error) => {
                eprintln!("skipped: {error}");
                continue;
            }
        };
        let mut session = model.session();
        group.throughput(Throughput::Elements(model.macs()));
        group.bench_function(name, |b| {
            b.iter(|| {
                for (index, input) in inputs.iter().enumerate() {
                    copy(input, session.input(index));
                }
                let result = session.run();
                black_box(session.output(0));
                result.is_ok()
            });
        });
    }
    group.finish();
}

/// The elements of an input.
enum Elements {
    Bytes(Vec<u8>),
    Floats(Vec<f32>),
}

/// Loads a model that takes bytes where its first operator would make such, and makes up its inputs. Runs it once, so
/// that one that fails is reported rather than measured.
fn load(path: &Path) -> Result<(Model, Vec<Elements>), Error> {
    let options = LoadOptions { input: InputKind::Quantised, strict: true, ..Default::default() };
    let model = Model::open(path, &options)?;
    let mut session = model.session();
    let inputs: Vec<Elements> = (0..model.inputs().len()).filter_map(|index| elements(&mut session, index)).collect();
    if inputs.len() != model.inputs().len() {
        let problem = "takes inputs that are neither bytes nor floats; these are not measured".into();
        return Err(Error::Model { path: path.into(), problem });
    }
    session.run()?;
    Ok((model, inputs))
}

/// Makes up the elements of an input: bytes or floats in −1..1. `None` for other types.
fn elements(session: &mut Session, index: usize) -> Option<Elements> {
    match session.input(index) {
        TensorMut::U8(memory) => Some(Elements::Bytes((0..memory.len()).map(pattern::byte).collect())),
        TensorMut::F32(memory) => Some(Elements::Floats((0..memory.len()).map(pattern::float).collect())),
        _ => None,
    }
}

fn copy(from: &Elements, to: TensorMut<'_>) {
    match (from, to) {
        (Elements::Bytes(from), TensorMut::U8(to)) => to.copy_from_slice(from),
        (Elements::Floats(from), TensorMut::F32(to)) => to.copy_from_slice(from),
        // The input's type does not change after loading.
        _ => {}
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4));
    targets = networks
}
criterion_main!(benches);

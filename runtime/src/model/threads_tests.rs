//! Outputs are the same bytes on any number of threads.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use retort_threads::Pool;

use super::{InputKind, LoadOptions, Model, Session};
use crate::contract::golden_picture;
use crate::tensor::{TensorMut, TensorRef};

/// Networks of the test data whose steps are large enough to be cut.
const NETWORKS: &[&str] = &["det320_qdq_u8", "rfb320_qdq_u8", "fastestdet_qdq_u8", "det320_f32"];

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/shapes-128.onnx");
    compare(&shipped);
    let Some(folder) = std::env::var_os("RETORT_TEST_DATA").map(PathBuf::from) else {
        return println!("skipped: peers/models: RETORT_TEST_DATA is not set");
    };
    for network in NETWORKS {
        let path = folder.join(format!("peers/models/{network}.onnx"));
        if path.exists() { compare(&path) } else { println!("skipped: {} is missing", path.display()) }
    }
}

/// Compares runs on several threads, all of which take part, with runs on the caller's alone.
fn compare(path: &Path) {
    let options = LoadOptions { input: InputKind::Quantised, ..LoadOptions::default() };
    let model = Model::open(path, &options).unwrap_or_else(|error| panic!("{error}"));
    let alone = outputs(&model, &mut model.session());
    assert!(alone.iter().any(|output| output.iter().any(|&byte| byte != output[0])), "nothing to compare");
    for threads in [1, 2, 3, 4, 7] {
        let mut session = Session::new(Arc::clone(&model.inner), |scratch| Pool::unjudged(threads, scratch));
        assert_eq!(session.threads(), threads);
        for run in 0..3 {
            assert!(outputs(&model, &mut session) == alone, "{}: {threads} threads, run {run}", path.display());
        }
    }
}

/// The bytes of all outputs of one run on a made-up picture.
fn outputs(model: &Model, session: &mut Session) -> Vec<Vec<u8>> {
    for (index, port) in model.inputs().iter().enumerate() {
        let bytes = golden_picture(index as u32 + 1, port.len(), 1, 1);
        match session.input(index) {
            TensorMut::F32(to) => to.iter_mut().zip(&bytes).for_each(|(to, &byte)| *to = f32::from(byte) / 255.0),
            TensorMut::U8(to) => to.copy_from_slice(&bytes),
            other => panic!("no picture: {other:?}"),
        }
    }
    session.run().unwrap_or_else(|error| panic!("{error}"));
    let bytes = |index| match session.output(index) {
        TensorRef::F32(from) => bytemuck::cast_slice(from).to_vec(),
        TensorRef::U8(from) => from.to_vec(),
        TensorRef::I8(from) => bytemuck::cast_slice(from).to_vec(),
        TensorRef::I32(from) => bytemuck::cast_slice(from).to_vec(),
        TensorRef::I64(from) => bytemuck::cast_slice(from).to_vec(),
    };
    (0..model.outputs().len()).map(bytes).collect()
}

//! Single convolutions, in int8 and in f32, on every kernel set that this processor runs.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use retort_benches::convolution::{F32, Int8};
use retort_benches::layer::LAYERS;
use retort_core::kernels::{KernelSet, select};

/// The sets of kernels that this processor runs, each under its name.
fn kernels(c: &mut Criterion) {
    for set in KernelSet::ALL {
        let Some(kernels) = select(*set) else {
            eprintln!("skipped: {set}: this processor cannot run these kernels");
            continue;
        };
        let mut group = c.benchmark_group(format!("int8/{set}"));
        for layer in &LAYERS {
            let mut convolution = Int8::new(layer, kernels);
            group.throughput(Throughput::Elements(layer.macs()));
            group.bench_function(layer.name, |b| b.iter(|| black_box(convolution.run()).len()));
        }
        group.finish();
        let mut group = c.benchmark_group(format!("f32/{set}"));
        for layer in &LAYERS {
            let mut convolution = F32::new(layer, kernels);
            group.throughput(Throughput::Elements(layer.macs()));
            group.bench_function(layer.name, |b| b.iter(|| black_box(convolution.run()).len()));
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = kernels
}
criterion_main!(benches);

//! Runs an ONNX file in rten or tract, in turns: the process that `benches/peers.py` starts for these two.
//!
//!     peer-worker rten|tract FILE.onnx SPECIFICATION THREADS cpu|wall
//!
//! Arguments and answers are those of `benches/peer_runtimes.py`, which says what they are.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use cpu_time::ProcessTime;

/// One inference on an input that stays the same.
type Run = Box<dyn FnMut() -> anyhow::Result<()>>;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [runtime, file, specification, threads, clock] = &arguments[..] else {
        bail!("usage: peer-worker rten|tract FILE.onnx SPECIFICATION THREADS cpu|wall");
    };
    let specification: serde_json::Value = serde_json::from_str(specification)?;
    let shape: Vec<usize> = serde_json::from_value(specification["shape"].clone())?;
    let threads: usize = threads.parse()?;
    let (mut run, version) = match runtime.as_str() {
        "rten" => (rten(file, &shape, threads)?, "0.27"),
        "tract" => (tract(file, &shape, threads)?, "0.23.9"),
        other => bail!("{other} is neither rten nor tract"),
    };
    run()?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "ready {version}")?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        let turn = Duration::from_secs_f64(line?.trim().parse::<f64>()? / 1e3);
        let (start, mut times) = (Instant::now(), vec![]);
        while start.elapsed() < turn || times.len() < 3 {
            let time = match clock.as_str() {
                "cpu" => {
                    let start = ProcessTime::now();
                    run()?;
                    start.elapsed()
                }
                _ => {
                    let start = Instant::now();
                    run()?;
                    start.elapsed()
                }
            };
            times.push(format!("{:.1}", time.as_secs_f64() * 1e6));
        }
        writeln!(out, "{}", times.join(" "))?;
        out.flush()?;
    }
    Ok(())
}

/// Pseudo-random numbers from 0 to 1 (Marsaglia's xorshift).
fn values(shape: &[usize]) -> Vec<f32> {
    let mut state = 0x0123_4567_u32;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / 16_777_216.0
    };
    (0..shape.iter().product()).map(next).collect()
}

fn rten(file: &str, shape: &[usize], threads: usize) -> anyhow::Result<Run> {
    use rten::{Model, RunOptions, ThreadPool};
    use rten_tensor::{AsView, Tensor};

    let model = Model::load_file(file)?;
    let input = *model.input_ids().first().context("no input")?;
    let outputs = model.output_ids().to_vec();
    let image = Tensor::<f32>::from_data(shape, values(shape));
    let pool = Arc::new(ThreadPool::with_num_threads(threads));
    let options = RunOptions::default().with_thread_pool(Some(pool));
    Ok(Box::new(move || {
        model.run(vec![(input, image.view().into())], &outputs, Some(options.clone()))?;
        Ok(())
    }))
}

fn tract(file: &str, shape: &[usize], threads: usize) -> anyhow::Result<Run> {
    use tract_onnx::prelude::*;

    ensure!(threads == 1, "only its single-threaded executor is measured");
    let model = tract_onnx::onnx().model_for_path(file)?.into_optimized()?;
    let image: TValue = Tensor::from_shape(shape, &values(shape))?.into();
    let mut state = model.into_runnable()?.spawn()?;
    Ok(Box::new(move || {
        state.run(tvec!(image.clone()))?;
        Ok(())
    }))
}

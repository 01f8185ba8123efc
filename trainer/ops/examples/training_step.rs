//! A process that runs training steps when it is told to: the side of `benches/training.py` that is ours.
//!
//!     training_step WORKLOAD THREADS
//!
//! Says `ready` with facts as JSON, and answers each line with a number of steps by their times. The networks, their first weights and
//! their data are those of `benches/training_torch.py`, number by number.

use std::io::{BufRead, Write};
use std::time::Instant;

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use retort_train_ops::Activation::{None as Plain, Relu, Relu6};
use retort_train_ops::{
    Activation, AdamW, Window, batch_norm, conv2d, depthwise, global_average_pool, linear, max_pool, scale_shift,
    upsample2_add,
};

const OPTIMISER: AdamW = AdamW { rate: 1e-3, betas: (0.9, 0.999), epsilon: 1e-8, decay: 0.0 };

/// Numbers between -1 and 1 that look random, and are the same in the peer.
fn noise(seed: u32, len: usize) -> Vec<f32> {
    let number = |i: usize| {
        let mut v = (i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed.wrapping_mul(40_503));
        v ^= v >> 16;
        v = v.wrapping_mul(0x045d_9f3b);
        v ^= v >> 16;
        (f64::from(v) / 4_294_967_296.0 * 2.0 - 1.0) as f32
    };
    (0..len).map(number).collect()
}

/// A parameter with the optimiser's state.
struct Parameter {
    value: Option<TensorData>,
    first: Vec<f32>,
    second: Vec<f32>,
}

/// A leaf of the graph.
#[derive(Clone)]
enum Leaf {
    Matrix(Tensor<2>),
    Vector(Tensor<1>),
}

/// Parameters in the order in which the forward pass asks for them; made when it first does.
struct Net {
    device: Device,
    parameters: Vec<Parameter>,
    leaves: Vec<Leaf>,
    running: Vec<Vec<f32>>,
    norms: usize,
}

impl Net {
    /// The next parameter, of `shape` and with first values of that size.
    fn leaf(&mut self, shape: &[usize], size: f32, offset: f32) -> Leaf {
        let index = self.leaves.len();
        let len = shape.iter().product();
        if index == self.parameters.len() {
            let values: Vec<f32> = noise(index as u32 + 1, len).iter().map(|v| v * size + offset).collect();
            let value = Some(TensorData::new(values, shape.to_vec()));
            self.parameters.push(Parameter { value, first: vec![0.0; len], second: vec![0.0; len] });
        }
        let value = self.parameters[index].value.take().expect("a parameter is used once a step");
        let leaf = match shape.len() {
            2 => Leaf::Matrix(Tensor::from_data(value, &self.device).require_grad()),
            _ => Leaf::Vector(Tensor::from_data(value, &self.device).require_grad()),
        };
        self.leaves.push(leaf.clone());
        leaf
    }

    fn matrix(&mut self, rows: usize, columns: usize) -> Tensor<2> {
        match self.leaf(&[rows, columns], (3.0 / rows as f32).sqrt(), 0.0) {
            Leaf::Matrix(tensor) => tensor,
            Leaf::Vector(_) => unreachable!(),
        }
    }

    fn vector(&mut self, len: usize, offset: f32) -> Tensor<1> {
        match self.leaf(&[len], 0.1, offset) {
            Leaf::Vector(tensor) => tensor,
            Leaf::Matrix(_) => unreachable!(),
        }
    }

    fn norm(&mut self, x: Tensor<4>, activation: Activation) -> Tensor<4> {
        let channels = x.dims()[3];
        let (gamma, beta) = (self.vector(channels, 1.0), self.vector(channels, 0.0));
        let (y, moments) = batch_norm(x, gamma, beta, 1e-5, activation);
        let moments = moments.into_data();
        let moments = moments.as_slice::<f32>().expect("f32");
        if self.norms == self.running.len() {
            self.running.push(vec![0.0; moments.len()]);
        }
        for (running, new) in self.running[self.norms].iter_mut().zip(moments) {
            *running += 0.1 * (new - *running);
        }
        self.norms += 1;
        y
    }

    fn conv(&mut self, x: Tensor<4>, outputs: usize, window: Window, activation: Activation) -> Tensor<4> {
        let weight = self.matrix(window.taps() * x.dims()[3], outputs);
        let z = conv2d(x, weight, window);
        self.norm(z, activation)
    }

    fn separable(&mut self, x: Tensor<4>, outputs: usize, stride: usize) -> Tensor<4> {
        let weight = self.matrix(9, x.dims()[3]);
        let z = depthwise(x, weight, Window::square(3, stride));
        let z = self.norm(z, Relu6);
        self.conv(z, outputs, Window::square(1, 1), Relu6)
    }

    fn fully_connected(&mut self, x: Tensor<2>, outputs: usize, activation: Activation) -> Tensor<2> {
        let weight = self.matrix(x.dims()[1], outputs);
        let bias = self.vector(outputs, 0.0);
        linear(x, weight, Some(bias), activation)
    }

    /// Differentiates, and moves every parameter.
    fn update(&mut self, loss: Tensor<1>, step: u64) {
        let mut gradients = loss.backward();
        drop(loss);
        for (parameter, leaf) in self.parameters.iter_mut().zip(self.leaves.drain(..)) {
            let (value, gradient) = match leaf {
                Leaf::Matrix(leaf) => {
                    let gradient = leaf.grad_remove(&mut gradients).map(Tensor::into_data);
                    (leaf.inner().into_data(), gradient)
                }
                Leaf::Vector(leaf) => {
                    let gradient = leaf.grad_remove(&mut gradients).map(Tensor::into_data);
                    (leaf.inner().into_data(), gradient)
                }
            };
            let (mut value, gradient) = (value, gradient.expect("a gradient for every parameter"));
            let gradient = gradient.as_slice::<f32>().expect("f32");
            let weight = value.as_mut_slice::<f32>().expect("f32");
            OPTIMISER.step(step, weight, gradient, 1.0, &mut parameter.first, &mut parameter.second);
            parameter.value = Some(value);
        }
        self.norms = 0;
    }
}

/// What a step needs.
struct Work {
    name: String,
    net: Net,
    input: Tensor<4>,
    classes: Tensor<2, Int>,
    step: u64,
}

impl Work {
    fn new(name: &str) -> Work {
        let device = Device::flex().autodiff();
        let shape = match name {
            "W1" => [64, 28, 28, 1],
            "W2" => [32, 96, 96, 3],
            "W3" => [8, 256, 256, 3],
            "W4" => [100, 1, 1, 784],
            other => panic!("no workload {other}"),
        };
        let input = Tensor::from_data(TensorData::new(noise(0, shape.iter().product()), shape), &device);
        let classes: Vec<i64> = (0..shape[0] as i64).map(|i| i * 7 % 10).collect();
        let classes = Tensor::from_data(TensorData::new(classes, [shape[0], 1]), &device);
        let net = Net { device, parameters: Vec::new(), leaves: Vec::new(), running: Vec::new(), norms: 0 };
        Work { name: name.into(), net, input, classes, step: 0 }
    }

    fn cross_entropy(&self, logits: Tensor<2>) -> Tensor<1> {
        -log_softmax(logits, 1).gather(1, self.classes.clone()).mean()
    }

    fn loss(&mut self) -> Tensor<1> {
        let (net, x) = (&mut self.net, self.input.clone());
        let three = Window::square(3, 1);
        match self.name.as_str() {
            "W1" => {
                let x = net.conv(x, 32, three, Relu);
                let x = max_pool(net.conv(x, 32, three, Relu), Window::tiles(2));
                let x = net.conv(x, 64, three, Relu);
                let x = max_pool(net.conv(x, 64, three, Relu), Window::tiles(2));
                let logits = net.fully_connected(x.reshape([64, 7 * 7 * 64]), 10, Plain);
                self.cross_entropy(logits)
            }
            // MobileNetV1 of half the width (Howard et al. 2017).
            "W2" => {
                let mut x = net.conv(x, 16, Window::square(3, 2), Relu6);
                for (outputs, stride) in [(32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2)] {
                    x = net.separable(x, outputs, stride);
                }
                for (outputs, stride) in [(256, 1); 5].into_iter().chain([(512, 2), (512, 1)]) {
                    x = net.separable(x, outputs, stride);
                }
                let logits = net.fully_connected(global_average_pool(x), 10, Plain);
                self.cross_entropy(logits)
            }
            "W3" => {
                let mut x = net.conv(x, 16, Window::square(3, 2), Relu6);
                let mut levels = Vec::new();
                for outputs in [32, 64, 96, 128] {
                    x = net.separable(x, outputs, 2);
                    x = net.separable(x, outputs, 1);
                    levels.push(x.clone());
                }
                let mut top: Option<Tensor<4>> = None;
                let mut loss = None;
                for level in levels.drain(1..).rev() {
                    let lateral = net.conv(level, 64, Window::square(1, 1), Relu6);
                    let merged = match top.take() {
                        Some(top) => upsample2_add(lateral, top),
                        None => lateral,
                    };
                    let smooth = net.separable(merged, 64, 1);
                    let head = net.separable(smooth.clone(), 64, 1);
                    top = Some(smooth);
                    let weight = net.matrix(64, 8);
                    let bias = net.vector(8, 0.0);
                    let device = net.device.clone();
                    let out = scale_shift(
                        conv2d(head, weight, Window::square(1, 1)),
                        Tensor::ones([8], &device),
                        bias,
                        Plain,
                    );
                    let squares = (out - 0.5).powi_scalar(2).mean();
                    loss = Some(match loss {
                        Some(loss) => loss + squares,
                        None => squares,
                    });
                }
                loss.expect("three levels")
            }
            _ => {
                let x = x.reshape([100, 784]);
                let x = net.fully_connected(x, 800, Relu);
                let x = net.fully_connected(x, 800, Relu);
                let logits = net.fully_connected(x, 10, Plain);
                self.cross_entropy(logits)
            }
        }
    }

    fn step(&mut self) -> f32 {
        let loss = self.loss();
        let value = loss.clone().into_scalar::<f32>();
        self.step += 1;
        self.net.update(loss, self.step);
        value
    }
}

/// Milliseconds that this process has had of processors.
fn busy() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// Most KiB that this process had in memory.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, threads] = &arguments[..] else { panic!("usage: training_step WORKLOAD THREADS") };
    let threads = threads.parse().expect("a number of threads");
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .use_current_thread()
        .build_global()
        .expect("a pool of threads");
    let mut work = Work::new(name);
    let losses: Vec<f32> = (0..4).map(|_| work.step()).collect();
    let parameters: usize = work.net.parameters.iter().map(|p| p.first.len()).sum();
    println!("ready {{\"parameters\": {parameters}, \"losses\": {losses:?}}}");
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let steps: usize = line.trim().parse().expect("a number of steps");
        let (mut wall, mut cpu) = (Vec::new(), Vec::new());
        for _ in 0..steps {
            let (start, before) = (Instant::now(), busy());
            work.step();
            wall.push(start.elapsed().as_secs_f64() * 1e3);
            cpu.push(busy() - before);
        }
        println!("{{\"wall\": {wall:?}, \"cpu\": {cpu:?}, \"peak_kib\": {}}}", peak_memory());
        std::io::stdout().flush().expect("somebody to answer");
    }
}

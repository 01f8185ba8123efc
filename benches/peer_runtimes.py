"""Runs a network in one of the runtimes that have Python packages, in turns: the process that peers.py starts for each.

    python peer_runtimes.py RUNTIME FILE SPECIFICATION THREADS CLOCK

SPECIFICATION is JSON: the network's input name, shape and output names. It loads FILE, runs it once and prints `ready` and the
runtime's version. Then for each line on standard input, a number of milliseconds, it runs for about that long and prints the
times of the runs in microseconds, by CLOCK: `cpu`, the process's time on processors, or `wall`.

Every runtime is used as its documentation advises for latency: all optimisations of its graph on, one inference at a time, inputs and
outputs bound before where there is a way to. FILE is ONNX, or what a runtime's own converter made of that.
"""

import importlib.metadata
import json
import re
import sys
import time

import numpy as np


def values(shape, kind=np.float32):
    """An image to run on: the same random numbers for all, 0 to 1, or bytes where a network takes these."""
    floats = np.random.default_rng(1).random(shape, dtype=np.float32)
    if np.issubdtype(kind, np.integer):
        return (floats * 255 + np.iinfo(kind).min).astype(kind)
    return floats.astype(kind)


def onnxruntime(file, specification, threads):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    session = ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    image = values(specification["shape"])
    binding.bind_cpu_input(specification["input"], image)
    for output in session.get_outputs():
        binding.bind_output(output.name)
    return lambda: session.run_with_iobinding(binding)


def openvino(file, specification, threads):
    import openvino as ov

    core = ov.Core()
    network = core.compile_model(core.read_model(file), "CPU", {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # Floats stay floats; where the processor has bfloat16 it would take that.
        "ENABLE_CPU_PINNING": False,
    })
    request = network.create_infer_request()
    request.set_input_tensor(ov.Tensor(values(specification["shape"])))
    return request.infer


def mnn(file, specification, threads):
    import MNN

    manager = MNN.nn.create_runtime_manager(({"backend": 0, "precision": "high", "numThread": threads},))
    network = MNN.nn.load_module_from_file(file, [specification["input"]], specification["outputs"],
                                           runtime_manager=manager)
    image = MNN.expr.placeholder(specification["shape"], MNN.expr.NCHW)
    image.write(values(specification["shape"]))
    # Nothing is computed before someone reads it.
    return lambda: [MNN.expr.convert(output, MNN.expr.NCHW).read() for output in network.onForward([image])]


def ncnn(file, specification, threads):
    import ncnn as runtime

    network = runtime.Net()
    network.opt.num_threads = threads
    network.opt.use_vulkan_compute = False
    network.load_param(file)
    network.load_model(re.sub(r"\.param$", ".bin", file))
    with open(file) as text:
        outputs = sorted(set(re.findall(r"\bout\d+\b", text.read())))
    image = values(specification["shape"])[0]

    def run():
        extractor = network.create_extractor()
        extractor.input("in0", runtime.Mat(image))
        return [extractor.extract(output) for output in outputs]

    return run


def litert(file, specification, threads):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(file, num_threads=threads)
    interpreter.allocate_tensors()
    port = interpreter.get_input_details()[0]
    interpreter.set_tensor(port["index"], values(port["shape"], port["dtype"]))
    return interpreter.invoke


# The function and the package that has it.
RUNTIMES = {
    "ONNX Runtime": (onnxruntime, "onnxruntime"),
    "OpenVINO": (openvino, "openvino"),
    "MNN": (mnn, "MNN"),
    "ncnn": (ncnn, "ncnn"),
    "LiteRT": (litert, "ai-edge-litert"),
}


def main():
    name, file, specification, threads, clock = sys.argv[1:]
    load, package = RUNTIMES[name]
    run = load(file, json.loads(specification), int(threads))
    run()
    print("ready", importlib.metadata.version(package), flush=True)
    now = time.process_time_ns if clock == "cpu" else time.perf_counter_ns
    for line in sys.stdin:
        end, times = time.perf_counter() + float(line) / 1e3, []
        while time.perf_counter() < end or len(times) < 3:
            start = now()
            run()
            times.append((now() - start) / 1e3)
        print(*(f"{t:.1f}" for t in times), flush=True)


if __name__ == "__main__":
    main()

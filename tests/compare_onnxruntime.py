"""Compares `retort run` with ONNX Runtime on the models of the test data, output by output.

    python -m venv VENV && VENV/bin/pip install numpy onnx onnxruntime pillow
    cargo build --release
    RETORT_TEST_DATA=DIR VENV/bin/python tests/compare_onnxruntime.py

Each model runs on five inputs: three random ones (noise, coarse blocks, floats beyond the calibrated range) and two
pictures, normalised as the model expects. What has to hold depends on how the model computes an output:

  int8   bytes up to a last DequantizeLinear. Must equal ONNX Runtime's bit for bit. Differences are counted in quanta,
         the scale of that DequantizeLinear.
  float  float operators. |a - b| / max(|b|, m) must stay within 1e-4, where m is 1 or, if that is less, the largest
         magnitude of the output: relative to the element, or to the output's scale where the element is near 0.

The reference is ONNX Runtime with its default optimisation. On x86 that runs signed activations as unsigned ones (zero
point + 128, the same numbers), but only where a tensor has one consumer; what touches another signed tensor stays float
there, and a difference of one quantum made in such a layer travels on. Files with signed activations are therefore shown
against two references: `default`, reported but not judged, and `int8`: the same file with every signed activation turned
unsigned, which ONNX Runtime runs in integers throughout and which must be equal bit for bit.

Exit status: 0 all held, 1 something failed, 2 wrong usage or no test data.
"""

import argparse
import fnmatch
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from PIL import Image

FLOAT_TOLERANCE = 1e-4
MODELS = ["peers/models/*", "models/ultraface_*", "models/fastestdet_*", "models/mnist_tiny*", "models/yolox_nano*",
          "models/nanodet_m_320*"]

# What a model's input means, by the start of its file name: channel order, mean and divisor of pixels 0 to 255.
NORMALISATION = {
    "ultraface": ("RGB", 127.0, 128.0),
    "yolox": ("BGR", 0.0, 1.0),
    "nanodet": ("BGR", [103.53, 116.28, 123.675], [57.375, 57.12, 58.395]),
    "fastestdet": ("BGR", 0.0, 255.0),
    "": ("RGB", 0.0, 255.0),
}
PICTURES = ["data/coco128/images/val2017/*.jpg", "data/photos/*.JPEG", "data/photos/*.jpg"]


def normalise(name, pixels):
    """Pixels (height, width, channels), 0 to 255, RGB, as the model's NCHW input."""
    order, mean, divisor = next(v for k, v in NORMALISATION.items() if name.startswith(k))
    if order == "BGR":
        pixels = pixels[..., ::-1]
    values = (pixels.astype(np.float32) - np.float32(mean)) / np.float32(divisor)
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None], dtype=np.float32)


def inputs(name, shape, pictures):
    """Pairs of (what it is, tensor)."""
    _, channels, height, width = shape
    random = np.random.default_rng(7)
    noise = random.integers(0, 256, (height, width, channels))
    yield "noise", normalise(name, noise)
    coarse = random.integers(0, 256, (-(-height // 16), -(-width // 16), channels))
    blocks = np.repeat(np.repeat(coarse, 16, 0), 16, 1)[:height, :width]
    yield "blocks", normalise(name, 0.9 * blocks + 0.1 * noise)
    yield "beyond", normalise(name, 127.5 + 200 * random.standard_normal((height, width, channels)))
    for path in pictures:
        picture = Image.open(path).convert("L" if channels == 1 else "RGB").resize((width, height), Image.BILINEAR)
        yield path.stem, normalise(name, np.asarray(picture).reshape(height, width, channels))


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def quanta(model):
    """By output: the scale of the DequantizeLinear it comes from, or None where the model computes it in float."""
    producer = {o: node for node in model.graph.node for o in node.output}
    values = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    moves = {"Identity", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten"}

    def scale(tensor):
        node = producer.get(tensor)
        if node is None:
            return None
        if node.op_type in moves:
            return scale(node.input[0])
        if node.op_type == "DequantizeLinear" and values[node.input[1]].size == 1:
            return float(values[node.input[1]].reshape(()))
        return None

    return {o.name: scale(o.name) for o in model.graph.output}


def unsigned(model):
    """The model with u8 activations in place of s8 ones, or None where it has no s8 ones."""
    constants = {i.name: i for i in model.graph.initializer}
    zeros = {n.input[2] for n in model.graph.node
             if n.op_type in ("QuantizeLinear", "DequantizeLinear") and n.input[0] not in constants and len(n.input) > 2
             and constants[n.input[2]].data_type == onnx.TensorProto.INT8}
    if not zeros:
        return None
    turned = onnx.ModelProto()
    turned.CopyFrom(model)
    del turned.graph.value_info[:]  # It states the types of before.
    for constant in turned.graph.initializer:
        if constant.name in zeros:
            zero = onnx.numpy_helper.to_array(constant).astype(np.int32) + 128
            constant.CopyFrom(onnx.numpy_helper.from_array(zero.astype(np.uint8), constant.name))
    return turned


def run_retort(retort, path, feed, names):
    """`retort run`'s outputs by name. A model that it refuses raises."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(retort), "run", str(path), "--output-dir", folder]
        for number, (name, value) in enumerate(feed.items()):
            file = os.path.join(folder, f"input{number}.in.npy")
            np.save(file, value)
            command += ["--input", f"{name}={file}"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"exit {done.returncode}: {done.stderr.strip()}")
        return {n: np.load(os.path.join(folder, n.replace("/", "_") + ".npy")) for n in names}


def judge(ours, theirs, quantum, judged):
    """A row's figures and verdict."""
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return dict(elements=theirs.size, differing=theirs.size, error=f"{ours.dtype}{ours.shape}", verdict="FAIL shape")
    differing = int(np.count_nonzero(~((ours == theirs) | (np.isnan(ours) & np.isnan(theirs)))))
    row = dict(elements=theirs.size, differing=differing)
    gap = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
    if quantum is not None:
        row["quanta"] = float(np.round(gap.max(initial=0) / quantum, 2))
        ok = "equal" if differing == 0 else None
    else:
        scale = min(1.0, float(np.abs(theirs).max(initial=0))) or 1.0
        relative = gap / np.maximum(np.abs(theirs), scale)
        row["relative"] = float(relative.max(initial=0)) if np.isfinite(ours).all() else float("inf")
        ok = "within" if row["relative"] <= FLOAT_TOLERANCE else None
    row["verdict"] = ok or ("FAIL" if judged else "differs")
    return row


def compare(retort, path, pictures):
    """Rows of one model."""
    model = onnx.load(path)
    initialisers = {i.name for i in model.graph.initializer}
    port = next(i for i in model.graph.input if i.name not in initialisers)
    shape = [d.dim_value or 1 for d in port.type.tensor_type.shape.dim]
    names, scales = [o.name for o in model.graph.output], quanta(model)
    turned = unsigned(model)
    references = {"default": (session(model), turned is None)}
    if turned is not None:
        references["int8"] = (session(turned), True)
    for what, value in inputs(path.name, shape, pictures):
        feed = {port.name: value}
        try:
            ours = run_retort(retort, path, feed, names)
        except (RuntimeError, OSError) as error:
            yield dict(file=path.stem, input=what, output="-", reference="-", verdict="FAIL", error=str(error))
            continue
        for kind, (reference, judged) in references.items():
            for name, theirs in zip(names, reference.run(names, feed)):
                figures = judge(ours[name], theirs, scales[name], judged)
                yield dict(file=path.stem, input=what, output=name, reference=kind, **figures)


COLUMNS = [("file", 27), ("input", 24), ("output", 12), ("reference", 9), ("elements", 8), ("differing", 9),
           ("largest", 16), ("verdict", 10)]


def line(row):
    row = dict(row)
    if "quanta" in row:
        row["largest"] = f"{row['quanta']:g} quanta"
    elif "relative" in row:
        row["largest"] = f"{row['relative']:.1e} relative"
    cells = []
    for name, width in COLUMNS:
        text = str(row.get(name, "-"))
        right = name in ("elements", "differing", "largest")
        cells.append(text[:width].rjust(width) if right else text[:width].ljust(width))
    return "  ".join(cells).rstrip() + (f"  {row['error']}" if "error" in row else "")


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--retort", type=pathlib.Path, default=root / "target/release/retort", metavar="PATH")
    parser.add_argument("--models", action="append", metavar="PATTERN",
                        help="only files whose path under the test data matches, e.g. 'peers/models/det320*'")
    parser.add_argument("--json", action="store_true", help="print the rows as one JSON array")
    arguments = parser.parse_args()
    if "RETORT_TEST_DATA" not in os.environ:
        parser.error("set RETORT_TEST_DATA to the folder that has models/, data/ and peers/")
    data = pathlib.Path(os.environ["RETORT_TEST_DATA"])
    retort = arguments.retort.resolve()
    if not retort.is_file():
        parser.error(f"{retort} is missing: cargo build --release")
    patterns = arguments.models or MODELS
    files = [f for f in sorted(data.glob("peers/models/*.onnx")) + sorted(data.glob("models/*.onnx"))
             if any(fnmatch.fnmatch(str(f.relative_to(data)), p) for p in patterns)]
    if not files:
        parser.error(f"no model under {data} matches {' '.join(patterns)}")
    pictures = [f for p in PICTURES for f in sorted(data.glob(p))[:2]][:2]

    rows = []
    if not arguments.json:
        print("  ".join(n.rjust(w) if n in ("elements", "differing", "largest") else n.ljust(w) for n, w in COLUMNS))
    for file in files:
        for row in compare(retort, file, pictures):
            rows.append(row)
            if not arguments.json:
                print(line(row), flush=True)
    failures = sum(r["verdict"].startswith("FAIL") for r in rows)
    if arguments.json:
        json.dump(rows, sys.stdout, indent=1)
        print()
    else:
        print(f"\n{len(files)} models, {len(rows)} comparisons, {failures} failed; "
              f"ONNX Runtime {onnxruntime.__version__}, {len(pictures)} pictures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

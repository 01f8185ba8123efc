"""Measures Retort side by side with other runtimes on the same ONNX files, and writes a table and a chart.

    python -m venv VENV && VENV/bin/pip install onnx numpy onnxruntime openvino MNN ncnn pnnx ai-edge-litert
    cargo build --release
    cargo build --release --manifest-path benches/peer-worker/Cargo.toml       (for rten and tract)
    VENV/bin/python benches/peers.py [FILE.onnx …] [--threads N] [--rounds N] [--output-dir DIR]

Any of the packages but onnx and numpy may be missing: what is not installed is said, and left out. Without files it takes those of the
repository's models/, and where RETORT_TEST_DATA names a folder, those of its peers/models/. Files whose names differ in a last
_f32, _qdq_u8, _qdq_s8 or _qop_u8 are one network. latency.md, .tsv and .svg in benches/results (--output-dir) are the result.

What is done so that figures compare:
  * One thread each, or as many as --threads says, and one inference at a time, on the same shapes.
  * Processes take turns: each runs for --milliseconds, and so all round, --rounds times. A machine that slows down meanwhile
    slows all of them. Between its turns a process is stopped, so that threads of it that spin disturb nobody.
  * The least time of all turns says what the code can do, the median of the turns' medians what one gets. On one thread the
    peers' times are those of the processor, which other processes disturb least; Retort's are wall time, which is never less.
    On more threads all are wall time.
  * Retort takes images as bytes where a file begins with QuantizeLinear (`retort bench`), the others as the floats that the file
    declares.
  * A runtime that reads no ONNX runs what its own converter makes of the float file: pnnx for ncnn, MNN's converter for MNN.
    LiteRT runs NAME.tflite, where that lies beside NAME.onnx: convert it by hand, for instance with `pip install onnx2tf`.
    NAME.mnn and NAME.ncnn.param with .bin beside the ONNX are taken too.

Exit status: 0 done, 1 Retort failed on a file, 2 wrong usage. A peer that fails on a file is named in the result.
"""

import argparse
import datetime
import importlib.util
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

import onnx

import peer_report
import peer_runtimes
from peer_report import RETORT, Row

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
SUFFIX = re.compile(r"_(f32|qdq_u8|qdq_s8|qop_u8)$")
MARKED = re.compile(r"^(<!-- latency -->\n).*?^(<!-- end of latency -->)$", re.MULTILINE | re.DOTALL)
# Runtimes that read something else than ONNX, with the ending that they read.
CONVERTED = {"MNN": ".mnn", "ncnn": ".ncnn.param", "LiteRT": ".tflite"}
RUST = ["rten", "tract"]
# Seconds until a process has loaded its model, or answered after its turn.
PATIENCE = 120


class Failure(Exception):
    """A runtime could not do something; the message says what."""


class Network:
    """An ONNX file, and what the runtimes need to know about it."""

    def __init__(self, path):
        self.path = path
        self.name = SUFFIX.sub("", path.stem)
        model = onnx.load(path)
        constants = {i.name for i in model.graph.initializer}
        inputs = [i for i in model.graph.input if i.name not in constants]
        if len(inputs) != 1:
            raise Failure(f"{path.name} has {len(inputs)} inputs; only networks with one are measured")
        self.shape = [d.dim_value or 1 for d in inputs[0].type.tensor_type.shape.dim]
        integer = any(node.op_type.startswith(("QuantizeLinear", "QLinear")) for node in model.graph.node)
        self.precision = "int8" if integer else "f32"
        outputs = [o.name for o in model.graph.output]
        self.specification = json.dumps({"input": inputs[0].name, "shape": self.shape, "outputs": outputs})


class Peer:
    """A process that has loaded a file in one of the other runtimes, and waits for its turns."""

    def __init__(self, command):
        # A pipe that nobody reads from would fill up and stop the process.
        self.errors = tempfile.TemporaryFile("w+", errors="replace")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        line = self.answer()
        while not line.startswith("ready"):  # Some runtimes greet.
            line = self.answer()
        self.version = line.split()[1]
        self.process.send_signal(signal.SIGSTOP)

    def answer(self):
        """The next line. Kills a process that takes too long."""
        timer = threading.Timer(PATIENCE, self.process.kill)
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
        if not line:
            self.stop()
            self.errors.seek(0)
            errors = [e for e in self.errors.read().splitlines() if e.strip()]
            raise Failure(errors[-1].strip()[:200] if errors else f"ended or gave no answer within {PATIENCE} s")
        return line

    def turn(self, milliseconds):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(f"{milliseconds}\n")
        self.process.stdin.flush()
        times = sorted(float(t) / 1e3 for t in self.answer().split())
        self.process.send_signal(signal.SIGSTOP)
        return times[0], times[len(times) // 2]

    def stop(self):
        self.process.kill()
        self.process.communicate()


class Retort:
    """`retort bench`, started anew for each turn."""

    def __init__(self, program, network, threads):
        self.command = [str(program), "bench", str(network.path), "--threads", str(threads), "--json"]
        self.facts = {}
        self.turn(1)
        self.version = subprocess.run([str(program), "--version"], capture_output=True, text=True).stdout.split()[-1]

    def turn(self, milliseconds):
        command = self.command + ["--duration", str(milliseconds / 1e3), "--warmup", "0.05"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode != 0:
            raise Failure(done.stderr.strip()[:200] or f"exit {done.returncode}")
        self.facts = json.loads(done.stdout)
        return self.facts["latency_ms"]["min"], self.facts["latency_ms"]["p50"]

    def stop(self):
        pass


def find_program(name):
    """A program of the virtual environment that runs this, or else of the path."""
    return shutil.which(name, path=os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ.get("PATH", "")]))


def convert(runtime, network, folder):
    """The file that a runtime reads in the ONNX file's place: one that lies beside it, or one made in `folder`."""
    beside = network.path.with_suffix(CONVERTED[runtime])
    if beside.is_file():
        return beside
    if network.precision != "f32":
        return None  # The converters take float files; what lies beside is taken as it is.
    copy = folder / network.path.name
    if not copy.exists():
        copy.symlink_to(network.path)
    made = copy.with_suffix(CONVERTED[runtime])
    if runtime == "MNN":
        # The function behind `mnnconvert`, which would also install packages and report its use.
        script = "import sys, MNN, _tools; _tools.mnnconvert(sys.argv)"
        command = [sys.executable, "-c", script, "-f", "ONNX", "--modelFile", str(copy), "--MNNModel", str(made), "--bizCode", "none"]
    elif runtime == "ncnn":
        pnnx = find_program("pnnx")
        if pnnx is None:
            raise Failure("needs pnnx to convert the file")
        command = [pnnx, str(copy), "inputshape=[" + ",".join(map(str, network.shape)) + "]", "fp16=0"]
    else:
        return None
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=PATIENCE)
    if not made.is_file():
        raise Failure(f"its converter made nothing: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")
    return made


def available(only, worker):
    """Names of the runtimes that are installed, and what to say of the others."""
    found, missing = [], []
    modules = {"LiteRT": "ai_edge_litert"}
    for name, (_, package) in peer_runtimes.RUNTIMES.items():
        installed = importlib.util.find_spec(modules.get(name, package)) is not None
        found.append(name) if installed else missing.append(f"{name}: not installed (pip install {package})")
    if worker.is_file():
        found += RUST
    else:
        build = "cargo build --release --manifest-path benches/peer-worker/Cargo.toml"
        missing += [f"{name}: not built ({build})" for name in RUST]
    return [name for name in found if not only or name.lower() in only], missing if not only else []


def start(runtime, network, arguments, folder):
    """A process for the file, or None where the runtime does not take such files."""
    clock = "cpu" if arguments.threads == 1 else "wall"
    rest = [network.specification, str(arguments.threads), clock]
    if runtime in RUST:
        return Peer([str(arguments.worker), runtime, str(network.path), *rest])
    file = convert(runtime, network, folder) if runtime in CONVERTED else network.path
    return file and Peer([sys.executable, str(HERE / "peer_runtimes.py"), runtime, str(file), *rest])


def measure(networks, runtimes, arguments, folder):
    """Rows, versions, multiply-accumulates, what failed, and whether Retort did not."""
    rows, versions, macs, failures, sound = [], {}, {}, [], True
    for name in dict.fromkeys(network.name for network in networks):
        runs = []

        def failed(runtime, network, error):
            nonlocal sound
            sound = sound and runtime != RETORT
            failures.append(f"{runtime} on {network.path.stem}: {error}")
            print(f"  failed: {failures[-1]}", file=sys.stderr, flush=True)

        for network in (n for n in networks if n.name == name):
            for runtime in [RETORT, *runtimes]:
                try:
                    if runtime == RETORT:
                        run = Retort(arguments.retort, network, arguments.threads)
                        macs[name] = run.facts["macs"]
                    else:
                        run = start(runtime, network, arguments, folder)
                except (Failure, OSError, subprocess.SubprocessError) as error:
                    failed(runtime, network, error)
                    continue
                if run is not None:
                    versions[runtime] = run.version if runtime != RETORT else f"{run.version} ({run.facts['isa']} kernels)"
                    runs.append((run, Row(name, runtime, network.path.stem, network.precision), network))
        for number in range(arguments.rounds):
            print(f"  {name}: round {number + 1} of {arguments.rounds}", file=sys.stderr, flush=True)
            for entry in list(runs):
                run, row, network = entry
                try:
                    row.times.append(run.turn(arguments.milliseconds))
                except (Failure, OSError, ValueError, IndexError, KeyError, subprocess.SubprocessError) as error:
                    failed(row.runtime, network, error)
                    run.stop()
                    runs.remove(entry)
        for run, row, _ in runs:
            run.stop()
            rows.append(row)
            print(f"{name:12} {row.runtime:13} {row.file:22} {row.precision:5} least {row.least:8.3f}  median {row.median:8.3f} ms",
                  flush=True)
    return rows, versions, macs, failures, sound


def processor():
    """The processor's name and those of its features that matter here, from /proc/cpuinfo where there is one."""
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return "unknown processor"
    fields = dict(re.findall(r"^([^\t:]+?)\s*:\s*(.*)$", text, re.MULTILINE))
    name = fields.get("model name") or fields.get("Model") or os.uname().machine
    features = set((fields.get("flags") or fields.get("Features") or "").split())
    relevant = ["avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "amx_int8", "asimd", "asimddp", "asimdhp", "i8mm", "sve"]
    return f"{name} ({', '.join(f for f in relevant if f in features)})"


def default_files():
    folders = [ROOT / "models"]
    if "RETORT_TEST_DATA" in os.environ:
        folders.append(pathlib.Path(os.environ["RETORT_TEST_DATA"]) / "peers/models")
    return [file for folder in folders for file in sorted(folder.glob("*.onnx"))
            # The original of a network of which there are prepared files is left out.
            if SUFFIX.search(file.stem) or not file.with_name(f"{file.stem}_f32.onnx").exists()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=pathlib.Path, metavar="FILE.onnx")
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--milliseconds", type=int, default=250, metavar="MS", help="how long a turn is (250)")
    parser.add_argument("--only", default="", metavar="NAMES", help="only these peers, for instance 'openvino,onnx runtime'")
    parser.add_argument("--retort", type=pathlib.Path, default=ROOT / "target/release/retort", metavar="PATH")
    parser.add_argument("--worker", type=pathlib.Path, default=HERE / "peer-worker/target/release/peer-worker", metavar="PATH",
                        help="the program that runs rten and tract")
    parser.add_argument("--output-dir", type=pathlib.Path, default=HERE / "results", metavar="DIR")
    parser.add_argument("--name", default="latency", help="what the files in the output folder are called (latency)")
    parser.add_argument("--into", type=pathlib.Path, metavar="FILE.md",
                        help="also put the table between this file's lines '<!-- latency -->' and '<!-- end of latency -->'")
    arguments = parser.parse_args()
    if min(arguments.threads, arguments.rounds, arguments.milliseconds) < 1:
        parser.error("threads, rounds and milliseconds are at least 1")
    arguments.retort = arguments.retort.resolve()
    if not arguments.retort.is_file():
        parser.error(f"{arguments.retort} is missing: cargo build --release")
    networks, left_out = [], []
    for file in arguments.files or default_files():
        if not file.is_file():
            parser.error(f"{file} is missing")
        try:
            networks.append(Network(file.resolve()))
        except Failure as error:
            left_out.append(str(error))
    if not networks:
        parser.error("no networks to measure: name files, or set RETORT_TEST_DATA")
    if arguments.into and not (arguments.into.is_file() and MARKED.search(arguments.into.read_text())):
        parser.error(f"{arguments.into} has no lines '<!-- latency -->' and '<!-- end of latency -->'")
    only = {name.strip().lower() for name in arguments.only.split(",") if name.strip()}
    runtimes, missing = available(only, arguments.worker)
    for reason in missing:
        print(f"left out: {reason}", file=sys.stderr)

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    with tempfile.TemporaryDirectory() as folder:
        rows, versions, macs, failures, sound = measure(networks, runtimes, arguments, pathlib.Path(folder))
    if not rows:
        print("nothing could be measured", file=sys.stderr)
        return 1
    clock = "processor time of the peers, wall time of Retort" if arguments.threads == 1 else "wall time"
    threads = "one thread" if arguments.threads == 1 else f"{arguments.threads} threads"
    conditions = [
        f"{datetime.date.today()}; {processor()}; {os.cpu_count()} cores, load average {load:.1f} at the start",
        f"{threads}, batch 1; rounds of {arguments.milliseconds} ms for each process in turn: {arguments.rounds}; {clock}",
        "the fastest file of each runtime and precision; "
        + ", ".join(f"{name} {version}" for name, version in versions.items()),
    ]
    table = peer_report.markdown(rows, macs, conditions)
    arguments.output_dir.mkdir(parents=True, exist_ok=True)
    title = f"Latency, {threads}, {re.sub(r' [(].*', '', processor())}"
    texts = {
        ".md": table + peer_report.left_out(left_out + missing + failures),
        ".tsv": peer_report.tsv(rows, versions, arguments.threads),
        ".svg": peer_report.svg(rows, title),
    }
    for ending, text in texts.items():
        (arguments.output_dir / f"{arguments.name}{ending}").write_text(text)
    if arguments.into:
        marked = MARKED.sub(lambda parts: f"{parts[1]}\n{table}{parts[2]}", arguments.into.read_text())
        arguments.into.write_text(marked)
    print("\n" + texts[".md"])
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())

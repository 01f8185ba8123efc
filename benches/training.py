"""Measures whole training steps of trainer/ops side by side with PyTorch, and writes a table.

    python -m venv VENV && VENV/bin/pip install torch numpy
    cargo build --release -p retort-train-ops --example training_step
    VENV/bin/python benches/training.py [--threads 1 2] [--rounds N] [--workloads W1 W2 W3 W4]

A step is forward, loss, backward and an Adam update, in f32. The workloads:
  W1  small CNN, 28×28, batch 64: 3×3 convolutions of 32, 32, 64 and 64, each with BatchNorm and ReLU, two poolings, one linear layer
  W2  MobileNetV1 of half the width, 96×96, batch 32
  W3  detector of depthwise separable convolutions (16 to 128 channels, a neck and heads of 64), 256×256, batch 8
  W4  784-800-800-10, batch 100

What is done so that figures compare:
  * Both sides run the same layers from the same numbers. They must have equally many parameters, the same first loss (to 1e-4) and
    nearly the same ones after the first updates (Adam's first steps turn rounding into whole steps); otherwise nothing is measured.
  * PyTorch runs in both layouts, NCHW and channels_last, with its fused Adam; the faster one counts.
  * Processes take turns, --rounds times all round, and are stopped in between. The table has the least and the median step.
  * On one thread times are those of the processor, which other processes disturb least; on more they are wall time.
  * Memory is the most that a process ever had resident, its libraries and loading included.

Exit status: 0 done, 1 the sides do not compute the same or one failed, 2 wrong usage.
"""

import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
# Steps of a turn: about a third of a second each.
STEPS = {"W1": 6, "W2": 3, "W3": 2, "W4": 30}


class Process:
    """One side of a workload, waiting for its turns."""

    def __init__(self, name, command, threads):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
        self.name, self.times, self.wall, self.peak = name, [], [], 0
        word, _, facts = self.answer().partition(" ")
        if word != "ready":
            sys.exit(f"{name} says {word!r} where it should be ready")
        self.facts = json.loads(facts)
        self.process.send_signal(signal.SIGSTOP)

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name} ended")
        return line

    def turn(self, steps, clock):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        answer = json.loads(self.answer())
        self.process.send_signal(signal.SIGSTOP)
        self.times += answer[clock]
        self.peak = answer["peak_kib"] / 1024

    def stop(self):
        self.process.kill()
        self.process.wait()


def measure(workload, threads, rounds, program):
    torch = [sys.executable, str(HERE / "training_torch.py"), workload, str(threads)]
    sides = [
        Process("PyTorch NCHW", torch + ["nchw"], threads),
        Process("ours", [str(program), workload, str(threads)], threads),
        Process("PyTorch channels_last", torch + ["nhwc"], threads),
    ]
    ours = sides[1]
    for side in sides:
        tolerances = [1e-4, 0.02, 0.02, 0.02]
        pairs = zip(side.facts["losses"], ours.facts["losses"], tolerances)
        same = all(abs(a - b) <= tolerance * (1 + abs(b)) for a, b, tolerance in pairs)
        if side.facts["parameters"] != ours.facts["parameters"] or not same:
            sys.exit(f"{workload}: {side.name} has {side.facts}, ours has {ours.facts}")
    clock = "cpu" if threads == 1 else "wall"
    for _ in range(rounds):
        for side in sides:
            side.turn(STEPS[workload], clock)
    for side in sides:
        side.stop()
    peer = min((side for side in sides if side is not ours), key=lambda side: min(side.times))
    return ours, peer, sides


def main():
    parser = argparse.ArgumentParser(description="Training steps of trainer/ops and PyTorch, side by side.")
    parser.add_argument("--workloads", nargs="+", choices=list(STEPS), default=list(STEPS))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--program", type=pathlib.Path, help="default: target/release/examples/training_step")
    arguments = parser.parse_args()
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    program = arguments.program or target / "release" / "examples" / "training_step"
    if not program.is_file():
        parser.error(f"{program} is not built: cargo build --release -p retort-train-ops --example training_step")
    print("| workload | parameters | threads | ours, ms: least (median) | PyTorch, ms | ratio: least (median) | MiB | PyTorch, MiB |")
    print("|---|---|---|---|---|---|---|---|")
    for threads in arguments.threads:
        for workload in arguments.workloads:
            ours, peer, sides = measure(workload, threads, arguments.rounds, program)
            median = statistics.median
            layout = peer.name.removeprefix("PyTorch ")
            memory = min(side.peak for side in sides if side is not ours)
            print(
                f"| {workload} | {ours.facts['parameters']} | {threads} | {min(ours.times):.1f} ({median(ours.times):.1f}) "
                f"| {min(peer.times):.1f} ({median(peer.times):.1f}), {layout} "
                f"| {min(ours.times) / min(peer.times):.2f} ({median(ours.times) / median(peer.times):.2f}) "
                f"| {ours.peak:.0f} | {memory:.0f} |",
                flush=True,
            )
    print(f"\nPyTorch {peer.facts['version']}, load of the machine at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""COCO AP of `retort detect` on the validation pictures of coco128.

    RETORT_TEST_DATA=DATA python tests/coco_ap.py [--retort target/release/retort] [--only NAME] [--score 0.01]

DATA has models/*.onnx and data/coco128/{images,labels}/val2017 (YOLO text labels). Runs the program once a model, with the
repository's sidecar contract, and compares with the reference. Exits with 1 where an AP is below its bar.
Needs pycocotools.
"""

import argparse
import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

CONTRACTS = pathlib.Path(__file__).parent.parent / "models" / "contracts"
TOLERANCE = 0.3

# Model, contract, reference AP in percent (None: reported only).
MODELS = [
    ("yolox_nano.onnx", "yolox_nano.toml", 33.8),
    ("nanodet_m_320.onnx", "nanodet_m.toml", 27.4),
    ("picodet_xs_416.onnx", "picodet_xs.toml", 33.2),
    ("fastestdet_352.onnx", "fastestdet.toml", 19.7),
    ("fastestdet_352_qdq_s8.onnx", "fastestdet.toml", None),
    ("fastestdet_352_qop_u8.onnx", "fastestdet.toml", None),
]


def detections(retort, model, contract, pictures, score):
    """One object a picture, as the program prints them."""
    command = [retort, "detect", str(model), str(pictures), "--json", "--score", str(score), "--contract", str(contract)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def ground_truth(frames, labels):
    """YOLO text labels (class, centre x and y, width, height as fractions) as a COCO data set."""
    images, annotations = [], []
    for number, frame in enumerate(frames, 1):
        width, height = frame["width"], frame["height"]
        images.append({"id": number, "width": width, "height": height})
        file = labels / (pathlib.Path(frame["source"]).stem + ".txt")
        for line in file.read_text().splitlines() if file.exists() else []:
            category, x, y, w, h = (float(field) for field in line.split())
            box = [(x - w / 2) * width, (y - h / 2) * height, w * width, h * height]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": int(category),
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                }
            )
    categories = [{"id": i, "name": str(i)} for i in range(80)]
    return {"info": {}, "images": images, "annotations": annotations, "categories": categories}


def average_precision(frames, labels):
    """AP and AP50 in percent."""
    found = [
        {"image_id": number, "category_id": item["class_id"], "bbox": item["box"], "score": item["score"]}
        for number, frame in enumerate(frames, 1)
        for item in frame["detections"]
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = ground_truth(frames, labels)
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return 100 * evaluation.stats[0], 100 * evaluation.stats[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--retort", default="target/release/retort", help="the program")
    parser.add_argument("--only", help="only models whose file name contains this")
    parser.add_argument("--score", type=float, default=0.01, help="score threshold")
    arguments = parser.parse_args()
    if "RETORT_TEST_DATA" not in os.environ:
        print("skipped: RETORT_TEST_DATA is not set")
        return 0
    data = pathlib.Path(os.environ["RETORT_TEST_DATA"])
    pictures, labels = (data / "data" / "coco128" / part / "val2017" for part in ("images", "labels"))

    print(f"{'model':<30} {'AP':>6} {'AP50':>6} {'reference':>9}  mean ms: preprocess, infer, postprocess")
    failed = False
    for name, contract, reference in MODELS:
        if arguments.only and arguments.only not in name:
            continue
        if not (data / "models" / name).exists():
            print(f"{name:<30} skipped: not in {data / 'models'}")
            continue
        frames = detections(arguments.retort, data / "models" / name, CONTRACTS / contract, pictures, arguments.score)
        ap, ap50 = average_precision(frames, labels)
        parts = ("preprocess", "infer", "postprocess")
        times = [sum(frame["latency_ms"][part] for frame in frames) / len(frames) for part in parts]
        reached = reference is None or ap >= reference - TOLERANCE
        failed |= not reached
        print(
            f"{name:<30} {ap:6.1f} {ap50:6.1f} {'' if reference is None else reference:>9}  "
            + ", ".join(f"{time:.2f}" for time in times)
            + ("" if reached else "  BELOW THE BAR"),
            flush=True,
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Random detections and objects, and the figures that pycocotools gives for them.

    python trainer/tests/pycocotools/make.py                                   writes cases.json beside this file
    python trainer/tests/pycocotools/make.py --count 5000 --seed 9 -o more.json
    RETORT_COCO_CASES=more.json cargo test -p retort-trainer --test pycocotools

Boxes lie on a coarse grid in half of the cases, so that overlaps fall exactly on thresholds, and scores are coarse in most,
so that there are ties. There are crowds, areas that are not their box's, pictures without objects or detections, classes
that never occur, boxes without area, and pictures with more than the 100 detections that count. Needs pycocotools.
"""

import argparse
import contextlib
import io
import json
import pathlib
import random

import numpy
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def random_case(rng, small):
    """Objects are [class, box, area, crowd], detections [class, score, box]; boxes are left, top, width, height."""
    classes = rng.randint(1, 4)
    grid = rng.choice([0, 0, 5, 20])
    levels = rng.choice([0, 2, 5, 20, 20])
    extent = rng.choice([40, 150, 400])

    def snap(value):
        return float(round(value / grid) * grid) if grid else round(value, 3)

    def random_box():
        size = extent * rng.choice([0.05, 0.2, 0.6])
        return [snap(rng.uniform(0, extent)), snap(rng.uniform(0, extent)), snap(rng.uniform(0.1, size) + grid),
                snap(rng.uniform(0.1, size) + grid)]

    def near(box):
        by = rng.choice([0, 0.05, 0.2, 0.5])
        left, top, width, height = box
        return [snap(left + by * width * rng.uniform(-1, 1)), snap(top + by * height * rng.uniform(-1, 1)),
                snap(width * (1 + by * rng.uniform(-1, 1))), snap(height * (1 + by * rng.uniform(-1, 1)))]

    def score():
        return round(rng.random() * levels) / levels if levels else rng.random()

    pictures = []
    for _ in range(rng.randint(1, 3 if small else 8)):
        truths = []
        for _ in range(rng.choice([0, 1, 2, 4 if small else 9])):
            box = random_box()
            area = box[2] * box[3] * rng.choice([1, 1, 0.6])
            truths.append([rng.randrange(classes), box, area, int(rng.random() < 0.12)])
        found = []
        crowded = not small and rng.random() < 0.05
        for _ in range(130 if crowded else rng.choice([0, 1, 3, 5 if small else 15])):
            around = rng.choice(truths) if truths and rng.random() < 0.75 else None
            box = near(around[1]) if around else random_box()
            category = around[0] if around and rng.random() < 0.85 else rng.randrange(classes)
            found.append([0 if crowded else category, score(), box])
        pictures.append({"truths": truths, "found": found})
    return {"classes": classes + rng.choice([0, 0, 1]), "pictures": pictures}


def edge_case():
    """Recalls whose doubles are not the nearest to their decimals in pycocotools, after hit 7, 14 and 19 of 20 with misses
    between them, and overlaps of exactly 17/20 and 18/20."""
    truths, found = [], []
    for index in range(20):
        box = [100.0 * index, 0.0, 20.0, 10.0]
        truths.append([0, box, 200.0, 0])
        found.append([0, 1 - index / 40, [box[0], 0.0, [17.0, 18.0, 20.0][index % 3], 10.0]])
        if index % 3 == 0:
            found.append([0, 1 - (index + 0.5) / 40, [100.0 * index + 50, 50.0, 9.0, 9.0]])
    return {"classes": 1, "pictures": [{"truths": truths, "found": found}]}


def figures(case):
    """What pycocotools says; -1 where it says that there is none."""
    images, annotations, results = [], [], []
    for number, picture in enumerate(case["pictures"], 1):
        images.append({"id": number})
        for category, box, area, crowd in picture["truths"]:
            annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": category, "bbox": box,
                                "area": area, "iscrowd": crowd})
        for category, score, box in picture["found"]:
            results.append({"image_id": number, "category_id": category, "bbox": box, "score": score})
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {"info": {}, "images": images, "annotations": annotations,
                         "categories": [{"id": i, "name": str(i)} for i in range(case["classes"])]}
        truth.createIndex()
        # pycocotools refuses an empty list of results.
        if results:
            answers = truth.loadRes(results)
        else:
            answers = COCO()
            answers.dataset = {**truth.dataset, "annotations": []}
            answers.createIndex()
        evaluation = COCOeval(truth, answers, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    precision = evaluation.eval["precision"][:, :, :, 0, 2]

    def mean(values):
        values = values[values > -1]
        return float(numpy.mean(values)) if values.size else -1.0

    return {
        "stats": [float(value) for value in evaluation.stats],
        "by_iou": [mean(precision[t]) for t in range(precision.shape[0])],
        "by_class": [mean(precision[:, :, k]) for k in range(precision.shape[2])],
        "curve50": [mean(precision[0, r]) for r in range(precision.shape[1])],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--out", default=pathlib.Path(__file__).parent / "cases.json")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    # Few are large, so that the file in the repository stays small.
    cases = [edge_case()]
    cases += [random_case(rng, arguments.count < 100 and number % 8 != 7) for number in range(arguments.count)]
    for case in cases:
        case["expected"] = figures(case)
    text = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    pathlib.Path(arguments.out).write_text(f"[\n{text}\n]\n")


if __name__ == "__main__":
    main()

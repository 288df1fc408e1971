"""Peak memory of training a head, and of training it on ten times as many photographs.

The photographs are generated: JPEG files of 320x240, all different, in two classes. Each training runs in its own
process, and what is measured is the growth after the import of Keras. Two trainings keep the features of the frozen
layers in memory; a third, on the larger number of photographs, keeps them on disk:
python benchmarks/memory.py [--photos 20000] [--model NAME] [--epochs 3] [--check] [--json]
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from measuring import side_by_side
from PIL import Image

#: The most memory of a training on ten times as many photographs, divided by that of the smaller training.
TARGET = 1.25

TRAIN = """
zoo.transfer(
    {model!r}, {photos!r}, "head", epochs={epochs}, cache={cache!r}, learning_rate=0.01, seed=0, progress=False
)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=20_000, help="those of the larger training (default 20000)")
    parser.add_argument("--model", default="mobilenet_v1_025", help="the network (default mobilenet_v1_025)")
    parser.add_argument("--epochs", type=int, default=3, help="the epochs of each training (default 3)")
    parser.add_argument("--check", action="store_true", help=f"exit with 1 if memory grows by more than {TARGET}")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder) / "few", Path(folder) / "many"
        write(few, arguments.photos // 10)
        write(many, arguments.photos)

        def training(photos: Path, cache: str) -> str:
            return TRAIN.format(model=arguments.model, photos=str(photos), epochs=arguments.epochs, cache=cache)

        codes = {
            f"{arguments.photos // 10:,} photographs": training(few, "memory"),
            f"{arguments.photos:,} photographs": training(many, "memory"),
            f"{arguments.photos:,}, features on disk": training(many, "disk"),
        }
        costs = side_by_side(codes, 1)
    least = next(iter(costs.values()))["megabytes"]
    ratios = {name: cost["megabytes"] / least for name, cost in costs.items()}
    if arguments.json:
        print(json.dumps({"costs": costs, "ratios": ratios, "target": TARGET}, indent=2))
    else:
        print(f"{'training':<28} {'s':>6} {'MB':>7} {'ratio':>6}   at most {TARGET}")
        for name, cost in costs.items():
            print(f"{name:<28} {cost['seconds']:6.0f} {cost['megabytes']:7.0f} {ratios[name]:6.2f}")
    return 1 if arguments.check and max(ratios.values()) > TARGET else 0


def write(folder: Path, count: int) -> None:
    """Write ``count`` different JPEG files in two class folders."""
    random = np.random.default_rng(0)
    for index in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), np.uint8))
        buffer = io.BytesIO()
        coarse.resize((320, 240), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=80)
        path = folder / f"class_{index % 2}" / f"{index:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())


if __name__ == "__main__":
    sys.exit(main())

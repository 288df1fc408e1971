"""Time and peak memory of building a model with its weights, beside keras.applications with the same legacy .h5 file.

The weights are random: a file as Keras writes it is made first, in a temporary folder. Each load has a process of its
own, after the import of Keras, and the sides take turns:
python benchmarks/load.py [MODEL ...] [--rounds N] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from build import REFERENCES
from measuring import Cost, side_by_side

#: What ours is to cost at most, as a share of Keras: time and peak memory.
TARGETS = {"vgg16": (0.3, 0.35), "resnet50": (0.75, 0.7)}

WRITE = """
import h5py, keras
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group
import safetensors.numpy
from zoo.weights.matching import targets_of
model = keras.applications.{constructor}(weights=None)
with h5py.File({path!r} + ".h5", "w") as file:
    save_weights_to_hdf5_group(file, model)
safetensors.numpy.save_file({{t.name: t.variable.numpy() for t in targets_of(model)}}, {path!r} + ".safetensors")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["vgg16", "resnet50"], help=f"of {', '.join(REFERENCES)}")
    parser.add_argument("--rounds", type=int, default=5, help="how often each file is loaded (default 5)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    results = {name: measured(name, arguments.rounds) for name in arguments.models}
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    print(f"{'model':<20} {'side':<18} {'s':>6} {'MB':>6}   {'time':>5} {'memory':>6}   at most")
    for name, sides in results.items():
        for side, cost in sides.items():
            ratios = [cost[key] / sides["keras .h5"][key] for key in ("seconds", "megabytes")]
            line = f"{name:<20} {side:<18} {cost['seconds']:6.2f} {cost['megabytes']:6.0f}"
            line += f"   {ratios[0]:5.2f} {ratios[1]:6.2f}"
            if side == "zoo .h5" and name in TARGETS:
                line += "   {} {}".format(*TARGETS[name])
            print(line)


def measured(name: str, rounds: int) -> dict[str, Cost]:
    """Return what loading costs on each side."""
    constructor = REFERENCES[name]
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "weights")
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
        write = WRITE.format(constructor=constructor, path=path)
        subprocess.run([sys.executable, "-c", write], check=True, capture_output=True, env=environment)
        build = f"model = keras.applications.{constructor}(weights=None)"
        sides = {
            "keras .h5": f"{build}; model.load_weights({path + '.h5'!r})",
            "zoo .h5": f"zoo.build({name!r}, weights={path + '.h5'!r})",
            "zoo .safetensors": f"zoo.build({name!r}, weights={path + '.safetensors'!r})",
        }
        return side_by_side(sides, rounds)


if __name__ == "__main__":
    main()

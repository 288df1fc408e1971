"""Time and peak memory of building each model, beside keras.applications for the same one, in one run.

Each build has a process of its own, after the import of Keras, and the two sides take turns:
python benchmarks/build.py [PATTERN] [--rounds N] [--json]
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import subprocess
import sys

from measuring import Cost, side_by_side

#: The models that keras.applications has too, and its constructors.
REFERENCES = {
    "vgg16": "VGG16",
    "vgg19": "VGG19",
    "inception_v3": "InceptionV3",
    "resnet50": "ResNet50",
    "resnet101": "ResNet101",
    "resnet152": "ResNet152",
    "resnet50_v2": "ResNet50V2",
    "resnet101_v2": "ResNet101V2",
    "resnet152_v2": "ResNet152V2",
    "mobilenet_v1": "MobileNet",
    "mobilenet_v2": "MobileNetV2",
    "mobilenet_v3_small": "MobileNetV3Small",
    "mobilenet_v3_large": "MobileNetV3Large",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pattern", nargs="?", default="*", help="which models, as a shell pattern")
    parser.add_argument("--rounds", type=int, default=3, help="how often each model is built (default 3)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    names = listed(arguments.pattern)
    results = {name: measured(name, arguments.rounds) for name in names}
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    print(f"{'model':<36} {'s':>6} {'MB':>6}   {'keras.applications':>18}   {'time':>5} {'memory':>6}")
    for name, sides in results.items():
        ours, theirs = sides["zoo"], sides.get("keras")
        line = f"{name:<36} {ours['seconds']:6.2f} {ours['megabytes']:6.0f}"
        if theirs:
            ratios = (ours[key] / theirs[key] for key in ("seconds", "megabytes"))
            line += f"   {theirs['seconds']:8.2f} s {theirs['megabytes']:5.0f} MB   "
            line += "  ".join(f"{ratio:5.2f}" for ratio in ratios)
        print(line)


def listed(pattern: str) -> list[str]:
    """Return the names of the models that match, asked of the program so that nothing heavy is loaded here."""
    command = [sys.executable, "-m", "zoo", "list", "--json"]
    records = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return [record["name"] for record in records if fnmatch.fnmatchcase(record["name"], pattern)]


def measured(name: str, rounds: int) -> dict[str, Cost]:
    """Return the median seconds and megabytes of building ``name`` here and, if it is there, in keras.applications."""
    builds = {"zoo": f"zoo.build({name!r})"}
    if name in REFERENCES:
        builds["keras"] = f"keras.applications.{REFERENCES[name]}(weights=None)"
    return side_by_side(builds, rounds)


if __name__ == "__main__":
    main()

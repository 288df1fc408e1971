"""How long `zoo list` takes beside the imports that it does without: the ratio to `import keras` must be 15 or more.

Run alternately, so that a busy machine slows both alike: python benchmarks/startup.py [--rounds N] [--check] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

TARGET = 15

COMMANDS = {
    "zoo list": [sys.executable, "-m", "zoo", "list"],
    "zoo --version": [sys.executable, "-m", "zoo", "--version"],
    "list_models": [sys.executable, "-c", "import zoo; zoo.list_models()"],
    "bare python": [sys.executable, "-c", "pass"],
    "import keras": [sys.executable, "-c", "import keras"],
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each command runs (default 5)")
    parser.add_argument("--check", action="store_true", help=f"exit with 1 if the ratio is below {TARGET}")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()

    for command in COMMANDS.values():  # once unmeasured: the first run compiles modules and fills the disk's cache
        seconds_of(command)
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(arguments.rounds):
        for name, command in COMMANDS.items():
            times[name].append(seconds_of(command))
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratio = medians["import keras"] / medians["zoo list"]

    if arguments.json:
        print(json.dumps({"seconds": times, "medians": medians, "ratio": ratio, "target": TARGET}, indent=2))
    else:
        for name, median in medians.items():
            print(f"{name:<14} {median:7.3f} s   (best {min(times[name]):.3f}, worst {max(times[name]):.3f})")
        print(f"`import keras` takes {ratio:.1f} times as long as `zoo list`; the target is {TARGET}")
    return 1 if arguments.check and ratio < TARGET else 0


def seconds_of(command: list[str]) -> float:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())

"""How long `zoo list` and `zoo info` take beside thousands of installed models, compared with the shipped set alone.

It generates plugin distributions in a temporary folder, which it puts on PYTHONPATH: 300 of 5,000 models and 600 of
10,000, half of the models with weights. Each command then runs in fresh processes, in turn for each set, so that a busy
machine slows all of them alike.

The targets, as ratios of medians: for 5,000 models `zoo list` and `zoo list --json` take at most six times and
`zoo info` at most three times as long as for the shipped set; 10,000 models take at most about twice as long as 5,000.

    python benchmarks/discovery.py [--rounds N] [--check] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

#: Each command, and how many times longer than for the shipped set it may take for 5,000 models.
COMMANDS = {"zoo list": 6.0, "zoo list --json": 6.0, "zoo info lenet5": 3.0}

#: How many times longer 10,000 models may take than 5,000: twice, and a tenth for noise.
DOUBLED = 2.2

#: The sets that are compared: how many distributions and how many models are installed beside the shipped ones.
SETS = {"shipped": (0, 0), "5,000 models": (300, 5_000), "10,000 models": (600, 10_000)}

PLUGIN = '''\
"""Models that a benchmark made up."""

from zoo import ModelSpec, ParameterCount, Preprocessing, WeightsSpec, hookimpl

PIXELS = Preprocessing(scale=1 / 127.5, mean=(1.0,))


@hookimpl
def zoo_models():
    """Return made-up models."""
    for number in range({models}):
        yield ModelSpec(
            name=f"family{distribution}_{{number}}",
            aliases=(f"family{distribution}-{{number}}",),
            builder="zoo_family{distribution}.builders:family",
            input_shape=(224, 224, 3),
            classes=1000,
            parameters=ParameterCount(1_000_000 + number, 999_000),
            summary=f"the made-up model {{number}} of family {distribution}",
            config={{"blocks": number}},
            preprocessing=PIXELS,
            layouts={{"torchvision": "zoo_family{distribution}.layouts:torchvision"}},
            paper="https://example.org/paper",
            year=2026,
            reference="nothing: it is made up",
        )


@hookimpl
def zoo_weights():
    """Return made-up weights for every second model."""
    for number in range(0, {models}, 2):
        yield WeightsSpec(
            model=f"family{distribution}_{{number}}",
            name="imagenet",
            source=f"https://example.org/family{distribution}_{{number}}.safetensors",
            sha256="0" * 64,
            classes=1000,
            summary="made up",
            metrics={{"top-1": 0.7, "top-5": 0.9}},
            licence="MIT",
        )
'''


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="how often each command runs on each set (default 7)")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a ratio is above its target")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        sites = {name: Path(folder, str(models)) for name, (_, models) in SETS.items()}
        for name, site in sites.items():
            install(site, *SETS[name])
        medians = measure(sites, arguments.rounds)

    ratios = {}
    for command, target in COMMANDS.items():
        shipped, five, ten = (medians[command][name] for name in SETS)
        ratios[f"{command}: 5,000 models to the shipped set"] = (five / shipped, target)
        ratios[f"{command}: 10,000 models to 5,000"] = (ten / five, DOUBLED)
    if arguments.json:
        print(
            json.dumps({"medians": medians, "ratios": {name: ratio for name, (ratio, _) in ratios.items()}}, indent=2)
        )
    else:
        for command, by_set in medians.items():
            print(f"{command:<16} " + "   ".join(f"{name} {seconds:6.3f} s" for name, seconds in by_set.items()))
        for name, (ratio, target) in ratios.items():
            print(f"{name:<50} {ratio:5.2f}   (target: at most {target:g})")
    return 1 if arguments.check and any(ratio > target for ratio, target in ratios.values()) else 0


def install(site: Path, distributions: int, models: int) -> None:
    """Write distributions that have so many models in all, each a package with a plugin, as pip would install them."""
    site.mkdir()
    for number in range(distributions):
        own = models * (number + 1) // distributions - models * number // distributions
        package = site / f"zoo_family{number}"
        package.mkdir()
        (package / "__init__.py").write_text('"""A made-up family."""\n', encoding="utf-8")
        (package / "plugin.py").write_text(PLUGIN.format(distribution=number, models=own), encoding="utf-8")
        info = site / f"zoo_family{number}-1.0.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: zoo-family{number}\nVersion: 1.0\nRequires-Dist: zoo-core\n"
        (info / "METADATA").write_text(metadata, encoding="utf-8")
        entry = f"[zoo]\nfamily{number} = zoo_family{number}.plugin\n"
        (info / "entry_points.txt").write_text(entry, encoding="utf-8")


def measure(sites: dict[str, Path], rounds: int) -> dict[str, dict[str, float]]:
    """Return the median seconds of each command with each set installed."""
    times: dict[str, dict[str, list[float]]] = {command: {name: [] for name in sites} for command in COMMANDS}
    for turn in range(rounds + 1):
        for command in COMMANDS:
            for name, site in sites.items():
                seconds = seconds_of(command, site)
                if turn:  # the first turn compiles the modules and fills the disk's cache
                    times[command][name].append(seconds)
    return {
        command: {name: statistics.median(seconds) for name, seconds in by_set.items()}
        for command, by_set in times.items()
    }


def seconds_of(command: str, site: Path) -> float:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "PYTHONPYCACHEPREFIX": str(site.parent / "compiled"),  # as after an installation, whatever the environment says
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", *command.split()],
        check=True,
        stdout=subprocess.DEVNULL,
        env=environment,
    )
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())

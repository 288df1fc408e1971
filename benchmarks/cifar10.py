"""The small convnet on CIFAR-10: trained, or restored where its run is there already, with its accuracy and its speed.

A training that was killed is gone on with. DATA is CIFAR-10 as an archive or folder, pictures or binary batches:
python benchmarks/cifar10.py DATA [--run FOLDER] [--model NAME] [--epochs 12] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import zoo
from zoo.reporting.run_report import examples_per_second
from zoo.transfer import resume
from zoo.transfer.unfinished import SUFFIX


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the archive or folder of CIFAR-10")
    parser.add_argument("--run", type=Path, default=Path("runs/cifar10_convnet"), help="where the run is or goes")
    parser.add_argument("--model", default="cifar10_convnet", help="the network (default cifar10_convnet)")
    parser.add_argument("--epochs", type=int, default=12, help="of a training (default 12)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()

    start = time.perf_counter()
    if (arguments.run / "run.json").is_file():
        how, run = "restored", zoo.load(arguments.run)
        data = zoo.load_data("cifar10", path=arguments.data, splits=["test"])
    else:
        data = zoo.load_data("cifar10", path=arguments.data, seed=0)
        if Path(f"{arguments.run}{SUFFIX}").is_dir():
            how, run = "trained to its end", resume(arguments.run)
        else:
            options = {"epochs": arguments.epochs, "batch_size": 64, "seed": 0, "out": arguments.run}
            how, run = "trained", zoo.transfer(arguments.model, data, "full", **options)
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    metrics = zoo.evaluate(run, data, split="test")
    evaluated = time.perf_counter() - start
    figures = {
        "seconds": round(seconds, 1),
        "epochs": len(run.history),
        "top1": metrics.top1,
        "trained_per_second": examples_per_second(run),
        "evaluated_per_second": metrics.count / evaluated,
    }
    if arguments.json:
        print(json.dumps({"how": how, **figures}))
        return
    print(f"{how} in {seconds:.1f} s, {len(run.history)} epochs: {metrics}")
    print(
        f"examples per second: {figures['trained_per_second'] or 0:,.0f} in training, its validation included;"
        f" {figures['evaluated_per_second']:,.0f} in evaluation"
    )


if __name__ == "__main__":
    main()

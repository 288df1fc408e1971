"""Running pieces of Python side by side, each in a process of its own after Keras is imported."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

_MEASURE = """
import json, resource, time
import keras
keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])  # TensorFlow starts its device on the first variable
import zoo
zoo.list_models()
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
figures = {{}}
before, start = peak(), time.perf_counter()
{code}
seconds = time.perf_counter() - start
print(json.dumps({{"seconds": seconds, "megabytes": peak() - before, **figures}}))
"""

Cost = dict[str, float]


def side_by_side(codes: dict[str, str], rounds: int) -> dict[str, Cost]:
    """Return the median seconds and megabytes of each piece of code; the pieces take turns, ``rounds`` times.

    Megabytes are those by which the process grows at its peak. What a piece puts into ``figures`` is returned as well.
    """
    runs: dict[str, list[Cost]] = {side: [] for side in codes}
    for _ in range(rounds):
        for side, code in codes.items():
            command = [sys.executable, "-c", _MEASURE.format(code=code)]
            output = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
            runs[side].append(json.loads(output.splitlines()[-1]))
    return {side: {key: statistics.median(run[key] for run in each) for key in each[0]} for side, each in runs.items()}

"""Two thousand damaged weight files: each is refused, or read as the library of its format reads it.

A process of its own for each format reads the damaged files, and says of each what became of it: a crash, ten seconds
without an answer or memory without bounds would show there.
"""

from __future__ import annotations

import importlib.util
import json
import random
import resource
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoo import ZooError
from zoo.weights.formats import files_of, open_weights

sys.path.insert(0, str(Path(__file__).parent))
from weight_files import CHECKED, WRITERS, values_of

sys.path.pop(0)

EACH = 160

#: Seconds within which a file is refused or read, and MB by which the process may grow with all of them.
MOST_SECONDS = 10
MOST_GROWTH = 100

ABSURD = [b"\xff" * 8, b"\0" * 8, (2**62).to_bytes(8, "little"), (2**33).to_bytes(8, "little"), b"\x01" + b"\0" * 7]


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_file_is_refused_or_read_exactly_right(form: str, tmp_path: Path) -> None:
    import zoo

    if form.startswith("torch") and importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed")
    model = zoo.build("small_convnet")
    for number, weight in enumerate(model.weights):
        weight.assign(np.random.default_rng(number).normal(size=weight.shape))
    name, write, _ = WRITERS[form]
    write(tmp_path / name, model)
    with open_weights(tmp_path / name) as file:  # in the order of the file, whatever its names are
        kept = {array.name: array.read() for array in file.arrays}
    assert sorted(array.tobytes() for array in kept.values()) == sorted(v.tobytes() for v in values_of(model).values())
    np.savez(tmp_path / "kept.npz", **kept)

    child = subprocess.run(
        [sys.executable, __file__, form, str(tmp_path / name)], capture_output=True, text=True, timeout=300
    )
    lines = child.stdout.splitlines()
    assert child.returncode == 0, f"after {len(lines)} files: {child.stderr[-2000:]}"
    outcomes = Counter(lines[:-1])
    growth = json.loads(lines[-1])["growth"]
    assert sum(outcomes.values()) == EACH
    assert set(outcomes) <= {"refused", "as it was", "as its library reads it"}, outcomes
    assert outcomes["refused"] > EACH / 5
    assert form not in CHECKED or not outcomes["as its library reads it"]
    assert growth < MOST_GROWTH


# -- what the process of a format does


def main(form: str, path: Path) -> None:
    kept = dict(np.load(path.parent / "kept.npz"))
    parts = {part: part.read_bytes() for part in files_of(path)}
    with open_weights(path) as file:  # libraries that are loaded only now are no growth
        for array in file.arrays:
            array.read()
    places = places_of(path, kept) if path.suffix == ".h5" else {}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for part, content in damaged(form, parts):
        part.write_bytes(content)
        signal.alarm(MOST_SECONDS)
        print(outcome(form, path, kept, places), flush=True)
        signal.alarm(0)
        part.write_bytes(parts[part])
    print(json.dumps({"growth": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024}))


def damaged(form: str, parts: dict[Path, bytes]) -> Iterator[tuple[Path, bytes]]:
    """Yield a file and its damaged content; the first kilobytes, with the headers, are hit more often."""
    chance = random.Random(form)
    others = [
        b"",
        b"<!DOCTYPE html>",
        b"\x89HDF\r\n\x1a\n" + b"\0" * 99,
        b"PK\x03\x04" + b"\0" * 99,
        b"{}",
        b"\x80\x02.",
    ]
    ways: list[Callable[[bytearray, int], Any]] = [
        lambda b, at: b.__setitem__(at, b[at] ^ 1 << chance.randrange(8)),
        lambda b, at: b.__setitem__(at, chance.choice([0, 1, 127, 128, 255])),
        lambda b, at: [b.__setitem__(chance.randrange(len(b)), chance.randrange(256)) for _ in range(8)],
        lambda b, at: b.__setitem__(slice(at, at + 8), chance.choice(ABSURD)),
        lambda b, at: b.__setitem__(slice(at, at + 40), chance.randbytes(40)),
        lambda b, at: b.__delitem__(slice(at, None)),
        lambda b, at: b.__delitem__(slice(at, at + chance.choice([1, 8, 512]))),
        lambda b, at: b.extend(chance.randbytes(chance.choice([1, 100, 5000]))),
        lambda b, at: b.__setitem__(slice(None), chance.choice(others)),
    ]
    for number in range(EACH):
        part = chance.choice(list(parts))
        content = bytearray(parts[part])
        near = chance.random() < 0.7
        ends = (0, min(6000, len(content))) if chance.random() < 0.6 else (max(len(content) - 2000, 0), len(content))
        ways[number % len(ways)](content, chance.randrange(*(ends if near else (0, len(content)))))
        yield part, bytes(content)


def outcome(form: str, path: Path, kept: dict[str, np.ndarray], places: dict[str, str]) -> str:
    try:
        with open_weights(path) as file:
            stored = {array.name: array for array in file.arrays}
            if {name: array.shape for name, array in stored.items()} != {n: a.shape for n, a in kept.items()}:
                return "refused"  # by the matching, which compares names and shapes before anything is read
            if any(array.dtype != "float32" for array in stored.values() if form != "safetensors"):
                return "refused"
            try:
                read = {name: array.read() for name, array in stored.items()}
            except Exception:  # which zoo.weights.loading tells as an error of the file
                return "refused"
    except ZooError:
        return "refused"
    if same(read, kept):
        return "as it was"
    if form in CHECKED:
        return "another, in silence"
    return "as its library reads it" if same(read, reference(form, path, places)) else "unlike its library"


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return all(one[name].tobytes() == other[name].tobytes() for name in one)


def reference(form: str, path: Path, places: dict[str, str]) -> dict[str, np.ndarray]:
    """Return the arrays as the library of the format reads them."""
    if form == "safetensors":
        import safetensors.numpy

        return safetensors.numpy.load_file(path)
    if form == "torch legacy":
        import torch

        return {name: tensor.numpy() for name, tensor in torch.load(path, weights_only=True).items()}
    if form == "tfjs":
        group = json.loads((path / "model.json").read_text())["weightsManifest"][0]
        content, at, found = b"".join((path / shard).read_bytes() for shard in group["paths"]), 0, {}
        for weight in group["weights"]:
            found[weight["name"]] = np.frombuffer(content, "<f4", int(np.prod(weight["shape"])), at)
            at += found[weight["name"]].nbytes
        return found
    import h5py

    with h5py.File(path) as file:
        return {name: file[places[name]][()].astype("<f4") for name in places}


def places_of(path: Path, kept: dict[str, np.ndarray]) -> dict[str, str]:
    """Return where in an undamaged HDF5 file each array lies."""
    import h5py

    names = {array.tobytes(): name for name, array in kept.items()}
    places = {}

    def keep(place: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and node[()].tobytes() in names:
            places[names[node[()].tobytes()]] = place

    with h5py.File(path) as file:
        file.visititems(keep)
    return places


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

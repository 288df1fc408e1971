"""Images per second from JPEG files to batches of 224x224, beside keras.utils.image_dataset_from_directory.

The photographs are made up (noise of every size, as natural pictures have it, from a fixed seed; quality 90) or, with
--photos, real ones brought to the three sizes. The more detail they have, the more of the time goes into reading the
bits of the file, which no smaller scale saves: by default they take 0.3 bytes a pixel at 500x375, as the median of
ImageNet's photographs and of the cats and dogs in shared/data does; with --detail 0.55 it is half of that.

Both sides run in one process, in turns, and a third with them, which only stands beside: a page of code that has Pillow
decode at a smaller scale and resize, on two threads. The milliseconds are those of the processor for an image, on all
cores: they hold on a busy machine too. How far the pictures are from a full decode with Pillow's Lanczos is given in
grey values; later epochs take kept pixels:
python benchmarks/input.py [--photos FOLDER] [--detail SHARE] [--rounds N] [--check] [--json]
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zoo.data import Split
from zoo.data.pipeline import batches
from zoo.specs import Preprocessing

#: Of each size (width, height): how many files, how many different ones among them, and how many times as fast as Keras
#: Zoo has to be.
SIZES = {(500, 375): (256, 16, 1.0), (1000, 750): (128, 8, 1.25), (4000, 3000): (32, 4, 2.5)}
SIDE, BATCH, QUALITY = 224, 32, 90

#: How strong each octave of the made-up pictures is beside the one of twice its size.
DETAIL = 0.8

#: Keras' own result does not keep the aspect ratio either.
SQUEEZE = Preprocessing(resize="squash", exact=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, metavar="FOLDER", help="take JPEG files below it, not made-up ones")
    parser.add_argument("--detail", type=float, default=DETAIL, help=f"of made-up ones (default {DETAIL})")
    parser.add_argument("--rounds", type=int, default=5, help="how often each side runs (default 5)")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a ratio is below its target")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()

    results = {}
    for size, (count, different, target) in SIZES.items():
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), photographs(arguments.photos, size, different, arguments.detail), count)
            results[f"{size[0]}x{size[1]}"] = {**measured(Path(folder), arguments.rounds), "target": target}
    if arguments.json:
        print(json.dumps(results, indent=2))
    else:
        print(
            "size         keras      zoo   ratio  target  pillow   cpu keras     zoo   later epochs"
            "    from Lanczos: keras  zoo"
        )
        for name, each in results.items():
            print(
                f"{name:<10} {each['keras']:5.0f}/s  {each['zoo']:5.0f}/s  {each['ratio']:6.2f}  {each['target']:6.2f}"
                f"  {each['pillow_ratio']:6.2f}"
                f"  {each['keras_cpu']:7.2f} ms {each['zoo_cpu']:5.2f} ms"
                f"  {each['later']:5.0f}/s {each['later'] / each['zoo']:4.0f}x"
                f"  {each['keras_error']:20.2f} {each['zoo_error']:4.2f}"
            )
    missed = [name for name, each in results.items() if each["ratio"] < each["target"]]
    if missed:
        print(f"below the target: {', '.join(missed)}", file=sys.stderr)
    return 1 if arguments.check and missed else 0


def measured(folder: Path, rounds: int) -> dict[str, float]:
    """Return the images per second of each side, the median of the rounds' ratios, and how exact the sides are."""
    theirs = keras.utils.image_dataset_from_directory(
        folder, image_size=(SIDE, SIDE), batch_size=BATCH, shuffle=False, verbose=0
    )
    files = tuple(map(Path, theirs.file_paths))
    split = Split(files, np.zeros(len(files), np.int64))
    ours = batches(split, SQUEEZE, (SIDE, SIDE, 3), batch_size=BATCH)
    sides = [theirs, ours, PageOfPillow(files)]
    for side in sides:  # once unmeasured: threads start, the disk's cache fills
        costs(side)
    turns = [[costs(side) for side in sides] for _ in range(rounds)]
    slow, fast, _ = (np.median(side, axis=0) / len(files) for side in zip(*turns, strict=True))
    kept = batches(split, SQUEEZE, (SIDE, SIDE, 3), batch_size=BATCH, keep=True)
    costs(kept)
    later = statistics.median(costs(kept)[0] for _ in range(rounds))
    first = next(iter(theirs))[0].numpy(), ours[0][0]
    reference = np.stack([fully_decoded(file) for file in files[: len(first[0])]])
    return {
        "keras": 1 / slow[0],
        "zoo": 1 / fast[0],
        "ratio": statistics.median(theirs[0] / ours[0] for theirs, ours, _ in turns),
        "pillow_ratio": statistics.median(theirs[0] / pillow[0] for theirs, _, pillow in turns),
        "keras_cpu": 1000 * slow[1],
        "zoo_cpu": 1000 * fast[1],
        "later": len(files) / later,
        "keras_error": float(np.abs(first[0] - reference).mean()),
        "zoo_error": float(np.abs(first[1] - reference).mean()),
    }


class PageOfPillow:
    """Batches as one would write them with Pillow alone."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        with ThreadPoolExecutor(2) as threads:
            for start in range(0, len(self.files), BATCH):
                yield np.stack(list(threads.map(self.pixels_of, self.files[start : start + BATCH]))).astype(np.float32)

    def pixels_of(self, file: Path) -> NDArray[np.uint8]:
        with Image.open(file) as image:
            image.draft("RGB", (SIDE, SIDE))
            return np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def costs(data: Iterable[Any]) -> tuple[float, float]:
    """Return the seconds of a pass, by the clock and of the processor."""
    start, start_cpu = time.perf_counter(), time.process_time()
    for _ in data:
        pass
    return time.perf_counter() - start, time.process_time() - start_cpu


def fully_decoded(file: Path) -> NDArray[np.float32]:
    return np.asarray(Image.open(file).resize((SIDE, SIDE), Image.Resampling.LANCZOS), np.float32)


def photographs(folder: Path | None, size: tuple[int, int], count: int, detail: float) -> Iterator[Image.Image]:
    """Yield ``count`` pictures of ``size``: those in ``folder``, or made-up ones."""
    if folder is None:
        random = np.random.default_rng(0)
        yield from (made_up(random, *size, detail) for _ in range(count))
        return
    files = sorted(each for each in folder.rglob("*") if each.suffix.lower() in (".jpg", ".jpeg"))
    for file in files[:count]:
        yield Image.open(file).convert("RGB").resize(size, Image.Resampling.LANCZOS)


def made_up(random: np.random.Generator, width: int, height: int, detail: float) -> Image.Image:
    """Return noise of each octave from half the picture to single pixels, mostly grey."""
    pixels = np.full((height, width, 3), 128, np.float32)
    strength, side = 40.0, 2
    while side < width:
        rows = max(2, side * height // width)
        noise = random.normal(size=(rows, side, 1)) + 0.3 * random.normal(size=(rows, side, 3))
        for channel in range(3):
            small = Image.fromarray(noise[:, :, channel].astype(np.float32))
            pixels[:, :, channel] += strength * np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))
        strength, side = strength * detail, side * 2
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def write(folder: Path, pictures: Iterator[Image.Image], count: int) -> None:
    """Write ``count`` JPEG files of two classes, the pictures over and over."""
    files = []
    for picture in pictures:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=QUALITY)
        files.append(buffer.getvalue())
    for index, content in zip(range(count), itertools.cycle(files), strict=False):
        path = folder / f"class_{index % 2}" / f"{index:04}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    sys.exit(main())

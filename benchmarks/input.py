"""Images per second from JPEG files to batches of 224x224, beside Keras and beside the JPEG decoder alone.

Keras' side is keras.utils.image_dataset_from_directory. The decoder alone is libjpeg-turbo: simplejpeg.decode_jpeg with
the arguments with which Zoo calls it, and so at the same scale, on as many threads. Its files are in memory before, it
puts nothing into batches, and nothing is resized or normalised. No way from JPEG files to batches can be faster.
Pillow's side, for comparison, is a page of code that decodes at a smaller scale and resizes, on two threads. All sides
take turns in one process.

The photographs are generated (noise of every size, as natural images have it, from a fixed seed; quality 90) or, with
--photos, real ones that are resized to the three sizes. The more detail they have, the more of the time is spent on the
entropy decoding of the file, which a smaller scale does not save. By default they take 0.3 bytes per pixel at 500x375,
as the median of ImageNet's photographs and of the cats and dogs in shared/data does; with --detail 0.55, half of that.

"ratio" is Keras' time divided by Zoo's, with the least that it should be. "zoo/decoder" is Zoo's time divided by that
of the decoder alone, by the clock, with the most that it should be, and in processor time. The milliseconds are
processor time per image, summed over all cores: they depend less on what else the machine does. Later epochs use kept
pixels. The last two columns say how far the images are from a full decode with Pillow's Lanczos filter, in grey values:
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
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from zoo.data import Split
from zoo.data.pipeline import batches
from zoo.data.thread_pool import in_threads
from zoo.specs import Preprocessing


class Size(NamedTuple):
    """The photographs of one size, and the targets: None where there is none."""

    width: int
    height: int
    files: int
    different: int
    times_keras: float | None  # Zoo is at least this many times as fast as Keras
    times_decoder: float | None  # Zoo takes at most this many times as long as the decoder alone


SIZES = (
    Size(500, 375, files=256, different=16, times_keras=1.0, times_decoder=None),
    Size(1000, 750, files=128, different=8, times_keras=1.25, times_decoder=None),
    Size(4000, 3000, files=32, different=4, times_keras=None, times_decoder=1.10),
)
SIDE, BATCH, QUALITY = 224, 32, 90

#: The strength of each octave of the generated images, relative to the octave of twice its size.
DETAIL = 0.8

#: Keras' own result does not keep the aspect ratio either.
SQUASH = Preprocessing(resize="squash", exact=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--photos", type=Path, metavar="FOLDER", help="use the JPEG files below it instead of generated ones"
    )
    parser.add_argument(
        "--detail", type=float, default=DETAIL, help=f"the detail of generated photographs (default {DETAIL})"
    )
    parser.add_argument("--rounds", type=int, default=5, help="how many times each side runs (default 5)")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()

    results = {}
    missed = []
    for size in SIZES:
        name = f"{size.width}x{size.height}"
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), photographs(arguments.photos, size, arguments.detail), size.files)
            found = measured(Path(folder), arguments.rounds)
        results[name] = {**found, "target": size.times_keras, "decoder_target": size.times_decoder}
        if size.times_keras and found["ratio"] < size.times_keras:
            missed.append(f"{name} beside Keras")
        if size.times_decoder and found["decoder_ratio"] > size.times_decoder:
            missed.append(f"{name} beside the decoder alone")
    if arguments.json:
        print(json.dumps(results, indent=2))
    else:
        print_table(results)
    if missed:
        print(f"missed targets: {', '.join(missed)}", file=sys.stderr)
    return 1 if arguments.check and missed else 0


def print_table(results: dict[str, dict[str, Any]]) -> None:
    print(
        "size         keras      zoo   ratio  target  pillow   cpu keras      zoo  decoder"
        "   zoo/decoder: clock  target   cpu   later epochs   from Lanczos: keras  zoo"
    )
    for name, each in results.items():
        targets = [each[key] and f"{each[key]:.2f}" for key in ("target", "decoder_target")]
        print(
            f"{name:<10} {each['keras']:5.0f}/s  {each['zoo']:5.0f}/s  {each['ratio']:6.2f}  {targets[0] or '-':>6}"
            f"  {each['pillow_ratio']:6.2f}"
            f"  {each['keras_cpu']:7.2f} ms {each['zoo_cpu']:5.2f} ms {each['decoder_cpu']:5.2f} ms"
            f"  {each['decoder_ratio']:18.2f}  {targets[1] or '-':>6}  {each['decoder_cpu_ratio']:4.2f}"
            f"  {each['later']:5.0f}/s {each['later'] / each['zoo']:4.0f}x"
            f"  {each['keras_error']:19.2f} {each['zoo_error']:4.2f}"
        )


def measured(folder: Path, rounds: int) -> dict[str, float]:
    """Return the images per second of each side, the medians of the rounds' ratios, and how exact the sides are."""
    theirs = keras.utils.image_dataset_from_directory(
        folder, image_size=(SIDE, SIDE), batch_size=BATCH, shuffle=False, verbose=0
    )
    files = tuple(map(Path, theirs.file_paths))
    split = Split(files, np.zeros(len(files), np.int64))
    ours = batches(split, SQUASH, (SIDE, SIDE, 3), batch_size=BATCH)
    sides = [theirs, ours, DecoderAlone(files, ours), PageOfPillow(files)]
    for side in sides:  # once without measuring: threads start, and the files get into the cache of the disk
        costs(side)
    turns = np.array([[costs(side) for side in sides] for _ in range(rounds)])
    slow, fast, decoder, _ = np.median(turns, axis=0) / len(files)

    def ratio(side: int, other: int, kind: int = 0) -> float:
        return float(np.median(turns[:, side, kind] / turns[:, other, kind]))

    kept = batches(split, SQUASH, (SIDE, SIDE, 3), batch_size=BATCH, keep=True)
    costs(kept)
    later = statistics.median(costs(kept)[0] for _ in range(rounds))
    first = next(iter(theirs))[0].numpy(), ours[0][0]
    reference = np.stack([fully_decoded(file) for file in files[: len(first[0])]])
    return {
        "keras": 1 / slow[0],
        "zoo": 1 / fast[0],
        "decoder": 1 / decoder[0],
        "ratio": ratio(0, 1),
        "decoder_ratio": ratio(1, 2),
        "decoder_cpu_ratio": ratio(1, 2, kind=1),
        "pillow_ratio": ratio(0, 3),
        "keras_cpu": 1000 * slow[1],
        "zoo_cpu": 1000 * fast[1],
        "decoder_cpu": 1000 * decoder[1],
        "later": len(files) / later,
        "keras_error": float(np.abs(first[0] - reference).mean()),
        "zoo_error": float(np.abs(first[1] - reference).mean()),
    }


class DecoderAlone:
    """The decoding that Zoo has simplejpeg do for ``files``, without anything else.

    The arguments of each call are noted while Zoo reads its batches ``ours`` once. As in Zoo, each thread decodes into
    a buffer that it uses again.
    """

    def __init__(self, files: Sequence[Path], ours: Iterable[Any]) -> None:
        self.contents = [file.read_bytes() for file in files]
        self.options: dict[int, tuple[tuple[Any, ...], dict[str, Any]]] = {}
        self.of_thread = threading.local()
        decode = simplejpeg.decode_jpeg

        def noted(content: bytes, *arguments: Any, buffer: bytearray, **options: Any) -> NDArray[np.uint8]:
            self.options[hash(content)] = arguments, {**options, "size": len(buffer)}
            return decode(content, *arguments, buffer=buffer, **options)

        simplejpeg.decode_jpeg = noted
        try:
            costs(ours)
        finally:
            simplejpeg.decode_jpeg = decode

    def __iter__(self) -> Iterator[int]:
        return iter(in_threads(self.decode, self.contents))

    def decode(self, content: bytes) -> int:
        arguments, options = self.options[hash(content)]
        size = options["size"]
        if len(getattr(self.of_thread, "buffer", b"")) < size:
            self.of_thread.buffer = bytearray(size)
        options = {key: value for key, value in options.items() if key != "size"}
        return len(simplejpeg.decode_jpeg(content, *arguments, buffer=self.of_thread.buffer, **options))


class PageOfPillow:
    """Batches in the way in which one would write them with Pillow alone."""

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
    """Return the seconds that a pass takes, by the clock and in processor time."""
    start, start_cpu = time.perf_counter(), time.process_time()
    for _ in data:
        pass
    return time.perf_counter() - start, time.process_time() - start_cpu


def fully_decoded(file: Path) -> NDArray[np.float32]:
    return np.asarray(Image.open(file).resize((SIDE, SIDE), Image.Resampling.LANCZOS), np.float32)


def photographs(folder: Path | None, size: Size, detail: float) -> Iterator[Image.Image]:
    """Yield the different images of ``size``: those in ``folder``, resized, or generated ones."""
    if folder is None:
        random = np.random.default_rng(0)
        yield from (generated(random, size.width, size.height, detail) for _ in range(size.different))
        return
    files = sorted(each for each in folder.rglob("*") if each.suffix.lower() in (".jpg", ".jpeg"))
    for file in files[: size.different]:
        yield Image.open(file).convert("RGB").resize((size.width, size.height), Image.Resampling.LANCZOS)


def generated(random: np.random.Generator, width: int, height: int, detail: float) -> Image.Image:
    """Return noise of every octave, from half the image to single pixels, mostly grey."""
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


def write(folder: Path, images: Iterator[Image.Image], count: int) -> None:
    """Write ``count`` JPEG files in two class folders, repeating the images as often as necessary."""
    files = []
    for image in images:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=QUALITY)
        files.append(buffer.getvalue())
    for index, content in zip(range(count), itertools.cycle(files), strict=False):
        path = folder / f"class_{index % 2}" / f"{index:04}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    sys.exit(main())

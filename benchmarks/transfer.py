"""Ten epochs of transfer learning beside plain Keras, from the files to the trained network, in one run.

Both sides have the same network with the same first weights, the same photographs and batches, the same layers that
learn and the same optimiser. Plain Keras is what a tutorial writes: frozen layers, image_dataset_from_directory, fit.
Each training has a process of its own, after the import of Keras, and the sides take turns:
python benchmarks/transfer.py PHOTOS [--model NAME] [--weights FILE] [--epochs 10] [--rounds N] [--check] [--json]

PHOTOS holds train/ and validation/ with a folder for each class.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from measuring import Cost, side_by_side

#: How many times as fast as plain Keras each strategy is to be.
TARGETS = {"head": 5.0, "last_layers": 3.5}

OURS = """
run = zoo.transfer(
    {model!r}, {photos!r}, {strategy!r}, weights={weights!r}, epochs={epochs}, batch_size=32, learning_rate={rate},
    seed=0, progress=False, **{options!r},
)
figures["accuracy"] = run.metrics.top1
"""

#: What a tutorial writes, on the network of the other side.
PLAIN = """
import tensorflow as tf
from pathlib import Path
from zoo.models.build_info import build_of
from zoo.transfer.phases import freeze
from zoo.transfer import strategies
keras.utils.set_random_seed(0)
classes = sorted(each.name for each in (Path({photos!r}) / "train").iterdir())
model = zoo.build({model!r}, weights={weights!r}, classes=len(classes))
known = build_of(model)
freeze(model, getattr(strategies, {strategy!r})(model, epochs=1, learning_rate=None, **{options!r})[0])
how = known.preprocessing
mean, std = tf.constant(how.mean), tf.constant(how.std)

def read(part, shuffle):
    pictures = keras.utils.image_dataset_from_directory(
        Path({photos!r}) / part, image_size=known.options["input_shape"][:2], batch_size=32, shuffle=shuffle, seed=0,
        crop_to_aspect_ratio=True, verbose=False,
    )
    return pictures.map(lambda x, y: ((x * how.scale - mean) / std, y)).prefetch(tf.data.AUTOTUNE)

model.compile(keras.optimizers.Adam({rate}), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(read("train", True), validation_data=read("validation", False), epochs={epochs}, verbose=0)
figures["accuracy"] = model.evaluate(read("validation", False), verbose=0)[1]
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="train/ and validation/, each with a folder for each class")
    parser.add_argument("--model", default="mobilenet_v2", help="the network (default mobilenet_v2)")
    parser.add_argument("--weights", help="its weights; random ones by default, which cost the same")
    parser.add_argument("--epochs", type=int, default=10, help="of each training (default 10)")
    parser.add_argument("--layers", type=int, default=6, help="that last_layers trains (default 6: the last block)")
    parser.add_argument("--rounds", type=int, default=1, help="how often each training runs (default 1)")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a ratio is below its target")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    results = {strategy: measured(strategy, arguments) for strategy in TARGETS}
    ratios = {strategy: sides["keras"]["seconds"] / sides["zoo"]["seconds"] for strategy, sides in results.items()}
    if arguments.json:
        print(json.dumps({"results": results, "ratios": ratios, "targets": TARGETS}, indent=2))
    else:
        print(f"{'strategy':<12} {'plain Keras':>20} {'Zoo':>20} {'times as fast':>14} {'target':>7}")
        for strategy, sides in results.items():
            shown = [f"{cost['seconds']:7.1f} s, top-1 {cost['accuracy']:.3f}" for cost in sides.values()]
            print(f"{strategy:<12} {shown[0]:>20} {shown[1]:>20} {ratios[strategy]:14.1f} {TARGETS[strategy]:7.1f}")
    return 1 if arguments.check and any(ratios[strategy] < TARGETS[strategy] for strategy in TARGETS) else 0


def measured(strategy: str, arguments: argparse.Namespace) -> dict[str, Cost]:
    """Return what a training costs on each side."""
    filled = {
        "model": arguments.model,
        "photos": str(arguments.photos.resolve()),
        "weights": arguments.weights,
        "strategy": strategy,
        "epochs": arguments.epochs,
        "rate": 0.001,
        "options": {"layers": arguments.layers} if strategy == "last_layers" else {},
    }
    return side_by_side({"keras": PLAIN.format(**filled), "zoo": OURS.format(**filled)}, arguments.rounds)


if __name__ == "__main__":
    sys.exit(main())

"""The features that a network computes for a dataset, as arrays for any other classifier."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import NDArray

from zoo.atomic import in_one_step
from zoo.data import Dataset, load_data
from zoo.data.pipeline import batches
from zoo.errors import ArgumentError, DataError, asked, asking, did_you_mean, one_line
from zoo.inference.loaded_model import LoadedModel, display_name, load_model

if TYPE_CHECKING:
    from zoo.runs.run import Run


@dataclass(frozen=True, eq=False)
class Extracted:
    """The features of each split of a dataset.

    For each of ``"train"``, ``"validation"`` and ``"test"`` that the data has, ``splits`` holds the features in float32
    and the labels ``(samples,)``, in the order of the split. ``layer`` is the layer that computed the features. By
    default they are the inputs of the classifier, as vectors ``(samples, features)``; the output of a layer that was
    chosen has the shape ``(samples, ...)`` of that layer.
    """

    layer: str
    splits: Mapping[str, tuple[NDArray[np.float32], NDArray[Any]]]
    class_names: tuple[str, ...]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an ``.npz`` file in one step: ``train_features``, ``train_labels`` and so on, and ``class_names``.

        Raises:
            ArgumentError: if the name of the file does not end with ``.npz``.
            DataError: if the file cannot be written.
        """
        target = Path(path).expanduser()
        request = f"write the features to {os.fspath(path)!r}"
        if target.suffix != ".npz":
            raise ArgumentError(request, "features are written as .npz", "pass a name that ends in .npz")
        arrays: dict[str, Any] = {"class_names": np.array(self.class_names, dtype=np.str_)}
        for name, (features, labels) in self.splits.items():
            arrays |= {f"{name}_features": features, f"{name}_labels": labels}
        try:
            with in_one_step(target) as unfinished:
                np.savez(unfinished, **arrays)
        except OSError as error:
            raise DataError(
                request, one_line(error), "choose a folder that you may write to, on a disk with free space"
            ) from error


def extract(
    model_or_run: keras.Model | Run | str | os.PathLike[str],
    data: Dataset | str | os.PathLike[str],
    *,
    weights: str | os.PathLike[str] | None = None,
    layer: str | None = None,
    batch_size: int = 32,
) -> Extracted:
    """Return the output of a layer of a network for every sample of a dataset, computed as at inference.

    Args:
        model_or_run: a model's name with weights, a model built by Zoo, a run or its folder.
        data: a dataset, the name of one, or a folder of class folders.
        weights: for a name, a weights tag or file.
        layer: the name of the layer; by default the features are the inputs of the classifier.
        batch_size: the number of samples to compute at a time.

    Raises:
        ArgumentError: if there is no such layer, or the data does not fit the model.
        ZooError: for the same reasons as :func:`zoo.evaluate`.

    >>> import zoo
    >>> from sklearn.svm import SVC
    >>> features = zoo.extract("lenet5.digits_0_4", "digits")
    >>> classifier = SVC().fit(*features.splits["train"])
    >>> bool(classifier.score(*features.splits["test"]) > 0.9)
    True
    """
    with asking(f"extract features with {display_name(model_or_run)}"):
        loaded = load_model(model_or_run, weights)
        dataset = load_data(data)
        name, tensor = _chosen(loaded, layer)
        network = keras.Model(loaded.model.input, tensor)
        build = loaded.build
        splits = {}
        for part, split in dataset.splits.items():
            steps = batches(split, build.preprocessing, build.options["input_shape"], batch_size=batch_size)
            outputs = [np.asarray(network(inputs, training=False)) for inputs, _ in steps]
            features = np.concatenate(outputs)
            # The inputs of a convolutional classifier are maps of one pixel; other classifiers take vectors.
            splits[part] = (features.reshape(len(features), -1) if layer is None else features, split.labels)
        return Extracted(name, splits, dataset.class_names)


def _chosen(loaded: LoadedModel, layer: str | None) -> tuple[str, keras.KerasTensor]:
    """Return the name of the layer that computes the features, and its output."""
    if layer is None:
        tensor = keras.tree.flatten(loaded.model.get_layer(loaded.build.spec.head[-1]).input)[0]
        return tensor._keras_history.operation.name, tensor
    names = [each.name for each in loaded.model.layers]
    if layer not in names:
        advice = did_you_mean(layer, names) or f"its layers end with {', '.join(names[-5:])}"
        raise ArgumentError(asked(f"from the layer {layer!r}"), "the model has no such layer", advice)
    return layer, keras.tree.flatten(loaded.model.get_layer(layer).output)[0]

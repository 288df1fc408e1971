"""What every model of the zoo promises: one function for each promise, which raises AssertionError if it is broken.

A check takes a :class:`Candidate`, a model and how to build it quickly. Those in :data:`OF_EACH_MODEL` are quick; those
in :data:`OF_A_REPRESENTATIVE` run the network, or build it several times.
"""

from __future__ import annotations

import importlib
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.building import build
from zoo.data.preprocessing import normalise
from zoo.errors import ArgumentError, UnknownNameError
from zoo.registry import list_plugins
from zoo.specs import ModelSpec
from zoo.weights import load_weights

#: The height and width at which checks run an image model, where the model takes so few pixels.
SIZE = 32

#: By which share a training step would lower a loss that were linear in the weights. A smaller share than this one is
#: lost in the rounding of the deepest networks.
STEP = 0.05

#: BatchNorm on the single pixel that small images leave needs several images.
BATCH = 8


@dataclass(frozen=True)
class Candidate:
    """A model to check.

    - ``small``: options of the builder that make the network quick to run, such as ``{"fc_units": 8}``;
    - ``declared``: options that make the declared network quick to build and leave its parameters as many, such as
      ``{"initial": "zeros"}``.
    """

    spec: ModelSpec
    distribution: str
    small: Mapping[str, Any] = field(default_factory=dict)
    declared: Mapping[str, Any] = field(default_factory=dict)

    @property
    def takes_images(self) -> bool:
        """Whether the inputs are images rather than rows."""
        return len(self.spec.input_shape) == 3

    @property
    def qualified(self) -> str:
        """The name that is never ambiguous."""
        return f"{self.distribution}/{self.spec.name}"

    def build(self, **options: Any) -> keras.Model:
        """Build the model as small as it gets. Models are shared between checks: do not change their weights."""
        return _built(self.qualified, _Options(self._smallest(), **options))

    def build_anew(self, **options: Any) -> keras.Model:
        """Build the model as small as it gets, for a check that changes its weights."""
        return build(self.qualified, **{**self._smallest(), **options})

    def build_as_declared(self) -> keras.Model:
        """Build the model with the input and the classes that its spec declares."""
        return build(self.qualified, **self.declared)

    def inputs(self, model: keras.Model, count: int = BATCH) -> Any:
        """Return random inputs for ``model``, images prepared as the spec says."""
        random = np.random.default_rng(0)
        shape = (count, *model.input_shape[1:])
        if self.spec.preprocessing is None or not self.takes_images:
            return random.normal(size=shape).astype("float32")
        return normalise(random.integers(0, 256, shape, dtype=np.uint8), self.spec.preprocessing).astype("float32")

    def _smallest(self) -> dict[str, Any]:
        if not self.takes_images:
            return dict(self.small)
        height, _, channels = self.spec.input_shape
        size = min(max(self.spec.min_size, SIZE), height or SIZE)
        return {"input_shape": (size, size, channels), **self.small}


def candidates(
    distribution: str, *, small: Mapping[str, Any] | None = None, declared: Mapping[str, Any] | None = None
) -> list[Candidate]:
    """Return the models of an installed distribution as candidates, with the options that all of them share.

    Raises:
        UnknownNameError: if no installed distribution of that name offers models.
    """
    plugins = [each for each in list_plugins() if each.distribution == distribution]
    specs = [spec for each in plugins for spec in each.specs.get("zoo_models", ())]
    if not specs:
        asked = f"check the models of {distribution!r}"
        raise UnknownNameError(asked, "no such distribution offers models", "`zoo plugins` shows those that do")
    return [Candidate(spec, distribution, small or {}, declared or {}) for spec in specs]


# -- checks of each model


def has_the_declared_parameters(candidate: Candidate) -> None:
    """The network has as many parameters as its spec declares, in all and trainable."""
    model, expected = candidate.build_as_declared(), candidate.spec.parameters
    counted = tuple(
        sum(math.prod(weight.shape) for weight in weights) for weights in (model.weights, model.trainable_weights)
    )
    _expect_equal("the parameters, in all and trainable", counted, (expected.total, expected.trainable))


def carries_its_name(candidate: Candidate) -> None:
    """The Keras model is called what the zoo calls it."""
    _expect_equal("the name of the Keras model", candidate.build().name, candidate.spec.name)


def its_head_is_what_include_top_leaves_out(candidate: Candidate) -> None:
    """The declared head, and besides it nothing that has weights, is what ``include_top=False`` leaves out."""
    spec, whole = candidate.spec, candidate.build()
    without = set(_names(candidate.build(include_top=False)))
    auxiliary = {layer for chain in spec.auxiliary for layer in chain}
    top = [name for name in _names(whole) if name not in without | auxiliary]
    left_out = tuple(name for name in top if name in spec.head or whole.get_layer(name).weights)
    _expect_equal("the head", left_out, spec.head)


def its_layouts_keep_layers_apart(candidate: Candidate) -> None:
    """Each layout of foreign files names every layer differently, and leaves alone the names that it does not know."""
    layers = _weighted(candidate.build())
    for name, reference in candidate.spec.layouts.items():
        module, _, function = reference.partition(":")
        layout = getattr(importlib.import_module(module), function)
        _expect_equal(f"an unknown layer in the layout {name!r}", layout("my_layer"), "my_layer")
        _expect_equal(f"different names in the layout {name!r}", len({layout(each) for each in layers}), len(layers))


# -- checks of a representative


def pools_its_features(candidate: Candidate) -> None:
    """Without a top, ``pooling`` gives the mean or the maximum of the feature maps over their height and width."""
    if not candidate.takes_images or candidate.spec.takes_rows:
        return
    model = candidate.build(include_top=False)
    inputs = candidate.inputs(model)
    maps = _outputs(model, inputs)
    _expect_equal("dimensions of the feature maps", maps.ndim, 4)
    for pooling, expected in (("avg", maps.mean((1, 2))), ("max", maps.max((1, 2)))):
        pooled = candidate.build_anew(include_top=False, pooling=pooling)
        pooled.set_weights(model.get_weights())
        _expect_close(f"the features with pooling={pooling!r}", _outputs(pooled, inputs), expected)


def gives_logits(candidate: Candidate) -> None:
    """With ``classifier_activation=None`` the outputs are what the declared activation is applied to."""
    if candidate.spec.classifier_activation is None:
        return
    model, logits = candidate.build(), candidate.build_anew(classifier_activation=None)
    logits.set_weights(model.get_weights())
    inputs = candidate.inputs(model)
    activation = keras.activations.get(candidate.spec.classifier_activation)
    expected = ops.convert_to_numpy(activation(ops.convert_to_tensor(_outputs(logits, inputs))))
    _expect_close("the activated logits", expected, _outputs(model, inputs))


def keeps_its_backbone_for_other_classes(candidate: Candidate) -> None:
    """Weights load into a network of other classes, all but those of the layers that have one unit per class."""
    giver, taker = candidate.build(), candidate.build_anew(classes=candidate.spec.classes + 3)
    outputs = _outputs(taker, candidate.inputs(taker))
    _expect_equal("the number of outputs", outputs.shape[-1], candidate.spec.classes + 3)
    with tempfile.TemporaryDirectory() as folder:
        report = load_weights(taker, _saved(giver, folder))
    of_classes = {candidate.spec.head[-1], *(chain[-1] for chain in candidate.spec.auxiliary)}
    missing = {name.partition("/")[0] for name, _ in (*report.missing, *report.auxiliary)}
    _expect(candidate.spec.head[-1] in missing <= of_classes, f"{sorted(missing)} keep their initial values")
    for name in set(_weighted(giver)) - of_classes:
        _expect_equal_layers(name, taker, giver)


def loads_a_file_without_its_top(candidate: Candidate) -> None:
    """A file of the whole network loads into the network without a top; the report says that its head is unexpected."""
    giver, taker = candidate.build(), candidate.build_anew(include_top=False)
    with tempfile.TemporaryDirectory() as folder:
        report = load_weights(taker, _saved(giver, folder))
    _expect_equal("weights that the file lacks", report.missing, ())
    found = {name.partition("/")[0] for name in report.unexpected}
    _expect_equal("layers that the network lacks", found, set(_weighted(giver)) - set(_weighted(taker)))
    for name in _weighted(taker):
        _expect_equal_layers(name, taker, giver)


def takes_its_smallest_input(candidate: Candidate) -> None:
    """The network runs on images of ``min_size`` pixels, and one pixel less is refused with that number."""
    least, channels = candidate.spec.min_size, candidate.spec.input_shape[-1]
    if not candidate.takes_images:
        return
    model = candidate.build(input_shape=(least, least, channels))
    _expect(bool(np.isfinite(_outputs(model, candidate.inputs(model))).all()), "its outputs are not finite")
    if least == 1:
        return
    try:
        candidate.build_anew(input_shape=(least - 1, least - 1, channels))
    except ArgumentError as error:
        _expect(f"{least}x{least}" in str(error), f"the error does not name the smallest input: {error}")
    else:
        raise AssertionError(f"it was built for {least - 1}x{least - 1} pixels, below its min_size")


def takes_grey_and_four_channels(candidate: Candidate) -> None:
    """Images of one and of four channels are taken."""
    if not candidate.takes_images:
        return
    *size, _ = candidate.build().input_shape[1:]
    for channels in (1, 4):
        model = candidate.build(input_shape=(*size, channels))
        outputs = model(np.zeros((1, *size, channels), "float32"), training=False)
        _expect_equal(f"the outputs for {channels} channels", tuple(outputs.shape), (1, candidate.spec.classes))


def learns(candidate: Candidate) -> None:
    """Every trainable weight has a gradient that is not 0, and a step down the gradient lowers the loss."""
    model = candidate.build_anew()
    takes_a_step(model, candidate.inputs(model))


def takes_a_step(model: keras.Model, inputs: Any) -> None:
    """Move the weights of ``model`` a step down the gradient, switch its dropout off, and check as :func:`learns`."""
    import tensorflow as tf

    for layer in model.layers:
        if isinstance(layer, (keras.layers.Dropout, keras.layers.AlphaDropout)):
            layer.rate = 0.0  # so that two losses of the same weights are equal
    with tf.GradientTape() as tape:
        loss = _loss(model, inputs)
    variables = model.trainable_variables
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    found = list(zip(variables, gradients, strict=True))
    still = [variable.path for variable, gradient in found if gradient is None or not np.any(gradient)]
    _expect_equal("trainable weights that the loss has no gradient for", still, [])
    squares = sum(float(tf.reduce_sum(tf.square(gradient))) for gradient in gradients)
    _expect(math.isfinite(squares), "the gradients are not finite")
    for variable, gradient in found:
        variable.assign_sub(STEP * float(loss) / squares * gradient)
    after = float(_loss(model, inputs))
    _expect(after < float(loss), f"the loss went from {float(loss)} to {after}")


def survives_saving_and_cloning(candidate: Candidate) -> None:
    """A model that Keras saves and loads, or clones, has the same name and gives the same outputs."""
    model = candidate.build()
    inputs = candidate.inputs(model)
    expected = _outputs(model, inputs)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        model.save(path)
        loaded = keras.models.load_model(path)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    for how, again in (("saved", loaded), ("cloned", clone)):
        _expect_equal(f"the name of the {how} model", again.name, model.name)
        _expect(np.array_equal(_outputs(again, inputs), expected), f"the {how} model gives other outputs")


OF_EACH_MODEL: tuple[Callable[[Candidate], None], ...] = (
    has_the_declared_parameters,
    carries_its_name,
    its_head_is_what_include_top_leaves_out,
    its_layouts_keep_layers_apart,
)
OF_A_REPRESENTATIVE: tuple[Callable[[Candidate], None], ...] = (
    pools_its_features,
    gives_logits,
    keeps_its_backbone_for_other_classes,
    loads_a_file_without_its_top,
    takes_its_smallest_input,
    takes_grey_and_four_channels,
    learns,
    survives_saving_and_cloning,
)


# -- a check of the plugin


def listing_imports_nothing_heavy(distribution: str) -> None:
    """Loading the plugin's specs imports none of TensorFlow, Keras and NumPy."""
    module = next(each.module for each in list_plugins() if each.distribution == distribution)
    code = f"import sys, {module} as plugin\n"
    code += "for hook in ('zoo_models', 'zoo_weights', 'zoo_datasets', 'zoo_strategies'):\n"
    code += "    list(getattr(plugin, hook, list)())\n"
    code += "print(*[name for name in ('tensorflow', 'keras', 'numpy') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    _expect_equal("the exit status of a process that lists it", (done.returncode, done.stderr), (0, ""))
    _expect_equal("what listing the plugin imports", done.stdout.split(), [])


# -- what the checks share


class _Options(dict[str, Any]):
    """Options of a builder as a key of the cache, whatever their values are."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted(self)))


@lru_cache(maxsize=3)  # a check follows the others of its model, so that few have to be kept
def _built(name: str, options: _Options) -> keras.Model:
    return build(name, **options)


def _layers(model: keras.Model) -> Iterator[Any]:
    return (layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer))


def _names(model: keras.Model) -> list[str]:
    return [layer.name for layer in _layers(model)]


def _weighted(model: keras.Model) -> list[str]:
    return [layer.name for layer in _layers(model) if layer.weights]


def _saved(model: keras.Model, folder: str) -> Path:
    path = Path(folder, "model.weights.h5")
    model.save_weights(path)
    return path


def _outputs(model: keras.Model, inputs: Any) -> Any:
    return ops.convert_to_numpy(model(inputs, training=False))


def _loss(model: keras.Model, inputs: Any) -> Any:
    """Return the sum of the losses of all outputs in training: of probabilities, or of values by their squares."""
    total: Any = 0.0
    for outputs in keras.tree.flatten(model(inputs, training=True)):
        classes, targets = outputs.shape[-1], np.arange(len(inputs))
        if classes > 1:
            total += ops.mean(keras.losses.sparse_categorical_crossentropy(targets % classes, outputs))
        else:
            total += ops.mean(ops.square(outputs - (targets % 2)[:, None]))
    return total


def _expect(condition: bool, found: str) -> None:
    if not condition:
        raise AssertionError(found)


def _expect_equal(what: str, found: Any, expected: Any) -> None:
    _expect(found == expected, f"{what}: {found!r}, where {expected!r} was expected")


def _expect_close(what: str, found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * float(np.abs(expected).max()), err_msg=what)


def _expect_equal_layers(name: str, one: keras.Model, other: keras.Model) -> None:
    for weight, value in zip(one.get_layer(name).weights, other.get_layer(name).get_weights(), strict=True):
        _expect(np.array_equal(ops.convert_to_numpy(weight), value), f"{weight.path} was not loaded")

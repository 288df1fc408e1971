"""Every architecture computes what its reference build computes: outputs, gradients and moving statistics.

The reference gets random weights and writes them to a file of its own format; Zoo loads that file with nothing but its
path. Then both compute the same images in inference, take the same step of training, and compute the images again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

import zoo
from zoo.data.preprocessing import normalise

#: The worst relative errors that count as equal. The promise is 1e-4 in the arithmetic of users, float32. These tests
#: compute in float64, where a difference that is not rounding shows far below that. The gradients of TensorFlow and of
#: torch for depthwise kernels agree less well than anything else, to about 1e-9, and a step enlarges that.
INFERENCE_TOLERANCE = 1e-10
STEP_TOLERANCE = 1e-6

LEARNING_RATE = 0.05

#: What the loss of an auxiliary classifier counts (Szegedy et al. 2014, section 5).
AUXILIARY_WEIGHT = 0.3

Array = np.ndarray[Any, np.dtype[np.float64]]
Record = Callable[[str, object], None]


@dataclass(frozen=True)
class Case:
    """A model of the zoo and the constructor of its reference.

    ``size`` is the height and width of the images: small where the architecture allows it, smallest for the deeper ones
    of a kind that is there already. An odd one goes through the paddings that depend on the size of the maps. There are
    ``batch`` images. ``learns`` says whether a step of training is compared too: of networks with BatchNorm, but for
    the deepest. ``options`` are the reference's, ``config`` is that of the model.
    """

    name: str
    reference: str
    size: int = 64
    batch: int = 4
    learns: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)


def row(case: Case) -> Any:
    """Return a row of the table. The networks of gigabytes go to one process of pytest-xdist, one after the other."""
    heavy = case.name.startswith(("alexnet", "vgg"))
    return pytest.param(case, id=case.name, marks=pytest.mark.xdist_group("heavy") if heavy else ())


def in_keras(name: str, constructor: str, size: int = 64, *, learns: bool = True, **options: Any) -> Any:
    """Return a row of the table; ``options`` are the reference's."""
    case = Case(name, f"keras.applications.{constructor}", size, learns=learns, options=options)
    return row(case)


def in_torchvision(
    name: str,
    constructor: str,
    size: int = 64,
    *,
    batch: int = 4,
    learns: bool = True,
    config: Mapping[str, Any] | None = None,
    **options: Any,
) -> Any:
    """Return a row of the table; ``options`` are the reference's."""
    case = Case(name, f"torchvision.models.{constructor}", size, batch, learns, options, config or {})
    return row(case)


v1 = partial(in_keras, constructor="MobileNet", dropout=0.0)
v2 = partial(in_keras, constructor="MobileNetV2")
v3_small = partial(in_keras, constructor="MobileNetV3Small", dropout_rate=0.0)
v3_large = partial(in_keras, constructor="MobileNetV3Large", dropout_rate=0.0)
vgg_bn = partial(in_torchvision, dropout=0.0, config={"fc_units": 64})
vgg = partial(vgg_bn, learns=False)

KERAS = [
    in_keras("resnet50", "ResNet50", 75),
    in_keras("resnet101", "ResNet101", 32, learns=False),
    in_keras("resnet152", "ResNet152", 32, learns=False),
    in_keras("resnet50_v2", "ResNet50V2", 75),
    in_keras("resnet101_v2", "ResNet101V2", 32, learns=False),
    in_keras("resnet152_v2", "ResNet152V2", 32, learns=False),
    v1("mobilenet_v1_025", alpha=0.25, size=75),
    v1("mobilenet_v1_050", alpha=0.5),
    v1("mobilenet_v1_075", alpha=0.75),
    v1("mobilenet_v1"),
    v2("mobilenet_v2_035", alpha=0.35, size=75),
    v2("mobilenet_v2_050", alpha=0.5),
    v2("mobilenet_v2_075", alpha=0.75),
    v2("mobilenet_v2"),
    v2("mobilenet_v2_130", alpha=1.3),
    v2("mobilenet_v2_140", alpha=1.4),
    v3_small("mobilenet_v3_small_075", alpha=0.75, size=75),
    v3_small("mobilenet_v3_small"),
    v3_small("mobilenet_v3_small_minimalistic_075", alpha=0.75, minimalistic=True),
    v3_small("mobilenet_v3_small_minimalistic", minimalistic=True),
    v3_large("mobilenet_v3_large_075", alpha=0.75, size=75),
    v3_large("mobilenet_v3_large"),
    v3_large("mobilenet_v3_large_minimalistic_075", alpha=0.75, minimalistic=True),
    v3_large("mobilenet_v3_large_minimalistic", minimalistic=True),
    in_keras("vgg16", "VGG16", learns=False),
    in_keras("vgg19", "VGG19", 32, learns=False),
    in_keras("inception_v3", "InceptionV3", 96),
]

TORCHVISION = [
    in_torchvision("resnet18", "resnet18"),
    in_torchvision("resnet34", "resnet34", 32),
    in_torchvision("resnet50_v1_5", "resnet50"),
    in_torchvision("resnet101_v1_5", "resnet101", 32, learns=False),
    in_torchvision("resnet152_v1_5", "resnet152", 32, learns=False),
    # An even size: TensorFlow's own padding is that of torch for an odd one.
    in_torchvision("mobilenet_v2_torch", "mobilenet_v2", dropout=0.0),
    in_torchvision("mobilenet_v3_small_torch", "mobilenet_v3_small", dropout=0.0),
    in_torchvision("mobilenet_v3_large_torch", "mobilenet_v3_large", dropout=0.0),
    in_torchvision("alexnet", "alexnet", 96, learns=False, dropout=0.0),
    vgg("vgg11", "vgg11"),
    vgg("vgg13", "vgg13"),
    vgg_bn("vgg11_bn", "vgg11_bn"),
    vgg_bn("vgg13_bn", "vgg13_bn"),
    vgg_bn("vgg16_bn", "vgg16_bn"),
    vgg_bn("vgg19_bn", "vgg19_bn"),
    in_torchvision(
        "googlenet_bn",
        "googlenet",
        75,
        config={"aux_dropout": 0.0},
        init_weights=False,
        dropout=0.0,
        dropout_aux=0.0,
    ),
    # torchvision's auxiliary classifier takes maps of 17x17 pixels, no fewer.
    in_torchvision("inception_v3_torch", "inception_v3", 299, batch=2, init_weights=False, dropout=0.0),
]

CIFAR = [
    row(Case(name, "blocks of torchvision, shortcuts of akamaster", 32))
    for name in ("resnet20_cifar", "resnet110_cifar")
]


@pytest.mark.parity
@pytest.mark.parametrize("case", KERAS)
def test_a_model_equals_its_build_in_keras_applications(case: Case, tmp_path: Path, record_property: Record) -> None:
    make = attrgetter(case.reference.removeprefix("keras."))(keras)
    shape = (case.size, case.size, 3)
    reference = make(weights=None, input_shape=shape, classifier_activation=None, **case.options)
    compare(case, KerasNetwork(reference), tmp_path, record_property)


@pytest.mark.parity
@pytest.mark.parametrize("case", TORCHVISION)
def test_a_model_equals_its_build_in_torchvision(
    case: Case, tmp_path: Path, record_property: Record, torchvision: ModuleType
) -> None:
    reference = attrgetter(case.reference.removeprefix("torchvision."))(torchvision)(weights=None, **case.options)
    if "fc_units" in case.config:
        narrow(reference, case.config["fc_units"])
    compare(case, TorchNetwork(reference), tmp_path, record_property)


@pytest.mark.parity
@pytest.mark.parametrize("case", CIFAR)
def test_a_resnet_of_cifar10_equals_the_one_of_its_weight_files(
    case: Case, tmp_path: Path, record_property: Record, torchvision: ModuleType
) -> None:
    depth = zoo.info(case.name).config["depths"][0]
    compare(case, TorchNetwork(cifar_resnet(torchvision, depth)), tmp_path, record_property)


def compare(case: Case, reference: KerasNetwork | TorchNetwork, folder: Path, record_property: Record) -> None:
    """Compare a model with its reference and leave a row for the table, whether they are equal or not."""
    random, spec = np.random.default_rng(0), zoo.info(case.name)
    images = pictures(case, random)
    model = zoo.build(case.name, input_shape=images.shape[1:], classifier_activation=None, dropout=0.0, **case.config)
    ours = KerasNetwork(model)
    assert ours.counts() == reference.counts()

    reference.randomise(images, random)
    load(model, reference, folder)
    expected = reference.outputs(images)
    assert np.ptp(expected, axis=0).max() > 1e-3 * np.abs(expected).max(), "the outputs hardly depend on the images"
    inference = relative_error(ours.outputs(images), expected)
    step = step_error(ours, reference, images, folder) if case.learns else None

    declared = (spec.parameters.total, spec.parameters.trainable)  # verified by zoo.build at the declared input
    figures = (f"{count:,}" for count in declared)
    errors = ("-" if error is None else f"{error:.0e}" for error in (inference, step))
    record_property("parity", (case.name, *figures, *errors, case.reference))
    assert inference < INFERENCE_TOLERANCE
    assert step is None or step < STEP_TOLERANCE


def step_error(ours: KerasNetwork, reference: KerasNetwork | TorchNetwork, images: Array, folder: Path) -> float:
    """Return the worst relative error of a step of training: of its outputs, of those after it and of all weights."""
    labels, before = np.arange(len(images)), reference.outputs(images)
    in_training = relative_error(ours.step(images, labels), reference.step(images, labels))
    expected = reference.outputs(images)
    assert relative_error(before, expected) > 1e-2, "the step hardly changed the outputs"
    after = relative_error(ours.outputs(images), expected)
    weights = ours.model.get_weights()
    load(ours.model, reference, folder)
    return max(in_training, after, *map(relative_error, weights, ours.model.get_weights()))


def load(model: keras.Model, reference: KerasNetwork | TorchNetwork, folder: Path) -> None:
    """Bring the weights of the reference to the model by way of a file."""
    path = reference.save(folder)
    report = zoo.load_weights(model, path)
    path.unlink()  # pytest keeps the folders of three runs
    assert (report.missing, report.unexpected) == ((), ())


def pictures(case: Case, random: np.random.Generator) -> Array:
    """Return random images of coarse patches, prepared as the model's photographs are; finer noise looks all alike."""
    patches = random.integers(0, 256, (case.batch, case.size // 8 + 1, case.size // 8 + 1, 3), dtype=np.uint8)
    pixels = patches.repeat(8, axis=1).repeat(8, axis=2)[:, : case.size, : case.size]
    preprocessing = zoo.info(case.name).preprocessing
    assert preprocessing is not None
    return normalise(pixels, preprocessing).astype(np.float64)


def relative_error(got: Array, expected: Array) -> float:
    return float(np.abs(got - expected).max() / np.abs(expected).max())


# -- the networks of either library, as far as the comparison needs them


@dataclass(frozen=True)
class KerasNetwork:
    model: keras.Model

    def counts(self) -> tuple[int, int]:
        """Return the number of parameters and of those that are trained."""
        both = (self.model.weights, self.model.trainable_weights)
        return tuple(sum(math.prod(weight.shape) for weight in weights) for weights in both)

    def randomise(self, images: Array, random: np.random.Generator) -> None:
        """Give random values to what starts as 0 or 1, and to BatchNorm statistics that are nearly those of ``images``.

        With statistics of no relation to the data, the signal would fade from layer to layer.
        """
        norms = [layer for layer in self.model.layers if isinstance(layer, keras.layers.BatchNormalization)]
        momenta = [norm.momentum for norm in norms]
        for weight in self.model.trainable_weights:
            if len(weight.shape) == 1:
                weight.assign(weight + random.uniform(-0.5, 0.5, weight.shape))
        for norm in norms:
            norm.momentum = 0.0
        self.model(images, training=True)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.moving_variance.assign(norm.moving_variance * random.uniform(0.5, 1.5, norm.moving_variance.shape))
            norm.moving_mean.assign(norm.moving_mean * random.uniform(0.5, 1.5, norm.moving_mean.shape))

    def save(self, folder: Path) -> Path:
        """Write the weights as Keras does."""
        path = folder / "reference.weights.h5"
        self.model.save_weights(path)
        return path

    def outputs(self, images: Array) -> Array:
        """Return the logits in inference."""
        return np.asarray(self.model(images, training=False))

    def step(self, images: Array, labels: Array) -> Array:
        """Return the logits in training, and go a step down the gradient of their cross-entropy."""
        import tensorflow as tf

        cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        with tf.GradientTape() as tape:
            logits, *auxiliary = keras.tree.flatten(self.model(images, training=True))
            loss = cross_entropy(labels, logits) + AUXILIARY_WEIGHT * sum(
                cross_entropy(labels, each) for each in auxiliary
            )
        weights = self.model.trainable_weights
        for weight, gradient in zip(weights, tape.gradient(loss, [each.value for each in weights]), strict=True):
            weight.assign(weight - LEARNING_RATE * gradient)
        return np.asarray(logits)


@dataclass(frozen=True)
class TorchNetwork:
    module: Any

    def __post_init__(self) -> None:
        self.module.double()

    def counts(self) -> tuple[int, int]:
        """Return the number of parameters, with the moving statistics, and of those that are trained."""
        trained = sum(each.numel() for each in self.module.parameters())
        return trained + sum(each.numel() for each in self.module.buffers() if each.dim()), trained

    def randomise(self, images: Array, random: np.random.Generator) -> None:
        """Do as :meth:`KerasNetwork.randomise` does."""
        import torch

        with torch.no_grad():
            for parameter in self.module.parameters():
                if parameter.dim() == 1:
                    parameter += torch.from_numpy(random.uniform(-0.5, 0.5, parameter.shape))
            momenta = [norm.momentum for norm in self._norms()]
            for norm in self._norms():
                norm.momentum = 1.0
            self.module.train()(_to_torch(images))
            for norm, momentum in zip(self._norms(), momenta, strict=True):
                norm.momentum = momentum
                norm.running_var *= torch.from_numpy(random.uniform(0.5, 1.5, norm.running_var.shape))
                norm.running_mean *= torch.from_numpy(random.uniform(0.5, 1.5, norm.running_mean.shape))

    def save(self, folder: Path) -> Path:
        """Write the state dictionary as safetensors."""
        path = folder / "reference.safetensors"
        save_file({name: array.numpy() for name, array in self.module.state_dict().items()}, path)
        return path

    def outputs(self, images: Array) -> Array:
        """Return the logits in inference."""
        import torch

        with torch.no_grad():
            return self.module.eval()(_to_torch(images)).numpy()

    def step(self, images: Array, labels: Array) -> Array:
        """Return the logits in training, and go a step down the gradient of their cross-entropy.

        torch moves the variance towards the n/(n-1) of the batch's, Keras towards the batch's own; that is taken back.
        """
        import torch

        variances = {norm: norm.running_var.clone() for norm in self._norms()}
        counts: dict[Any, int] = {}
        hooks = [
            norm.register_forward_hook(lambda norm, _, maps: counts.update({norm: maps.numel() // maps.shape[1]}))
            for norm in self._norms()
        ]
        outputs = self.module.train()(_to_torch(images))
        logits, *auxiliary = [outputs] if torch.is_tensor(outputs) else outputs
        loss, *others = (
            torch.nn.functional.cross_entropy(each, torch.from_numpy(labels)) for each in (logits, *auxiliary)
        )
        (loss + AUXILIARY_WEIGHT * sum(others)).backward()
        with torch.no_grad():
            for parameter in self.module.parameters():
                parameter -= LEARNING_RATE * parameter.grad
            for norm, before in variances.items():
                kept = (1 - norm.momentum) * before
                norm.running_var.copy_(kept + (norm.running_var - kept) * (counts[norm] - 1) / counts[norm])
        for hook in hooks:
            hook.remove()
        return logits.detach().numpy()

    def _norms(self) -> list[Any]:
        import torch

        return [each for each in self.module.modules() if isinstance(each, torch.nn.BatchNorm2d)]


def _to_torch(images: Array) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def narrow(module: Any, units: int) -> None:
    """Give a VGG of torchvision ``units`` in its hidden dense layers, whose published 4096 take a gigabyte."""
    from torch.nn import Linear

    module.classifier[0], module.classifier[3] = Linear(512 * 7 * 7, units), Linear(units, units)
    module.classifier[6] = Linear(units, 1000)


def cifar_resnet(torchvision: ModuleType, depth: int) -> Any:
    """Return the ResNet of He et al. 2015, section 4.2, with ``depth`` blocks in each stage.

    The blocks are those of torchvision. What surrounds them, and the shortcut without parameters, is written down after
    github.com/akamaster/pytorch_resnet_cifar10, whose names it has.
    """
    import torch
    from torch.nn import functional

    class Shortcut(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            quarter = x.shape[1] // 2
            return functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, quarter, quarter))

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            block = torchvision.models.resnet.BasicBlock
            self.conv1 = torch.nn.Conv2d(3, 16, 3, padding=1, bias=False)
            self.bn1 = torch.nn.BatchNorm2d(16)
            for number, width in enumerate((16, 32, 64), start=1):
                first = block(16, 16) if width == 16 else block(width // 2, width, 2, Shortcut())
                stage = torch.nn.Sequential(first, *(block(width, width) for _ in range(depth - 1)))
                self.add_module(f"layer{number}", stage)
            self.linear = torch.nn.Linear(64, 10)

        def forward(self, x: Any) -> Any:
            x = functional.relu(self.bn1(self.conv1(x)))
            x = self.layer3(self.layer2(self.layer1(x)))
            return self.linear(x.mean((2, 3)))

    return Network()

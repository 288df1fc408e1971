"""The MobileNets: every variant, its parameters, and the build that it is equal to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from zoo import ModelSpec, ParameterCount, Preprocessing, WeightsSpec, hookimpl
from zoo.weights.published import SYMMETRIC_PIXELS, TORCH_PIXELS
from zoo_mobilenet.weights import official_weights


class Variant(NamedTuple):
    """One MobileNet, as the tables below list them.

    The three digits in a name are the width multiplier alpha in hundredths. ``config`` sets a model apart from the
    others of its table; ``total`` and ``trainable`` count parameters.
    """

    name: str
    config: dict[str, Any]
    total: int
    trainable: int


V1 = (
    Variant("mobilenet_v1_025", {"alpha": 0.25}, total=475_544, trainable=470_072),
    Variant("mobilenet_v1_050", {"alpha": 0.5}, total=1_342_536, trainable=1_331_592),
    Variant("mobilenet_v1_075", {"alpha": 0.75}, total=2_601_976, trainable=2_585_560),
    Variant("mobilenet_v1", {"alpha": 1.0}, total=4_253_864, trainable=4_231_976),
)

V2 = (
    Variant("mobilenet_v2_035", {"alpha": 0.35}, total=1_691_208, trainable=1_677_128),
    Variant("mobilenet_v2_050", {"alpha": 0.5}, total=1_987_224, trainable=1_968_680),
    Variant("mobilenet_v2_075", {"alpha": 0.75}, total=2_663_064, trainable=2_636_424),
    Variant("mobilenet_v2", {"alpha": 1.0}, total=3_538_984, trainable=3_504_872),
    Variant("mobilenet_v2_130", {"alpha": 1.3}, total=5_431_048, trainable=5_386_792),
    Variant("mobilenet_v2_140", {"alpha": 1.4}, total=6_156_712, trainable=6_108_776),
)

V3_SMALL = (
    Variant("mobilenet_v3_small_075", {"alpha": 0.75}, total=2_051_552, trainable=2_041_872),
    Variant("mobilenet_v3_small", {"alpha": 1.0}, total=2_554_968, trainable=2_542_856),
    Variant(
        "mobilenet_v3_small_minimalistic_075",
        {"alpha": 0.75, "minimalistic": True},
        total=1_742_192,
        trainable=1_732_512,
    ),
    Variant(
        "mobilenet_v3_small_minimalistic", {"alpha": 1.0, "minimalistic": True}, total=2_056_848, trainable=2_044_736
    ),
)

V3_LARGE = (
    Variant("mobilenet_v3_large_075", {"alpha": 0.75}, total=4_012_616, trainable=3_993_528),
    Variant("mobilenet_v3_large", {"alpha": 1.0}, total=5_507_432, trainable=5_483_032),
    Variant(
        "mobilenet_v3_large_minimalistic_075",
        {"alpha": 0.75, "minimalistic": True},
        total=3_069_400,
        trainable=3_050_312,
    ),
    Variant(
        "mobilenet_v3_large_minimalistic", {"alpha": 1.0, "minimalistic": True}, total=3_948_688, trainable=3_924_288
    ),
)

#: torchvision: as many zeros on both sides of a strided convolution, pixels scaled outside the network.
TORCH: dict[str, Any] = {"padding": "torch", "kernel_initializer": "he_normal", "dropout": 0.2}
V2_LIKE_TORCH = {**TORCH, "epsilon": 1e-5, "momentum": 0.9}
V3_LIKE_TORCH = {**TORCH, "momentum": 0.99, "rescaling": False}
V2_TORCH = (Variant("mobilenet_v2_torch", V2_LIKE_TORCH, total=3_538_984, trainable=3_504_872),)
V3_SMALL_TORCH = (Variant("mobilenet_v3_small_torch", V3_LIKE_TORCH, total=2_554_968, trainable=2_542_856),)
V3_LARGE_TORCH = (Variant("mobilenet_v3_large_torch", V3_LIKE_TORCH, total=5_507_432, trainable=5_483_032),)

SCALED_TO_ONE = Preprocessing(**SYMMETRIC_PIXELS)
SCALED_INSIDE = Preprocessing()
SCALED_LIKE_TORCH = Preprocessing(**TORCH_PIXELS)

V1_PAPER: dict[str, Any] = {"paper": "https://arxiv.org/abs/1704.04861", "year": 2017}
V2_PAPER: dict[str, Any] = {"paper": "https://arxiv.org/abs/1801.04381", "year": 2018}
V3_PAPER: dict[str, Any] = {"paper": "https://arxiv.org/abs/1905.02244", "year": 2019}

V3_HEAD = ("avg_pool", "conv_2", "conv_2_activation", "dropout", "logits")


@hookimpl
def zoo_models() -> Iterator[ModelSpec]:
    """Return the models of the tables above."""
    yield from _models(
        V1,
        "mobilenet_v1",
        "MobileNet v1, depthwise separable convolutions, as in Keras",
        head=("avg_pool", "dropout", "conv_preds"),
        preprocessing=SCALED_TO_ONE,
        reference="keras.applications.mobilenet",
        **V1_PAPER,
    )
    yield from _models(
        V2,
        "mobilenet_v2",
        "MobileNet v2, inverted residuals, as in Keras",
        head=("avg_pool", "predictions"),
        preprocessing=SCALED_TO_ONE,
        layouts=_layouts("keras_2018", "keras_2019", "timm_v2"),
        reference="keras.applications.mobilenet_v2",
        **V2_PAPER,
    )
    yield from _models(
        V2_TORCH,
        "mobilenet_v2",
        "MobileNet v2, inverted residuals, as in torchvision",
        head=("avg_pool", "top_dropout", "predictions"),
        preprocessing=SCALED_LIKE_TORCH,
        layouts=_layouts("torchvision_v2", "timm_v2"),
        reference="torchvision.models.mobilenet_v2",
        **V2_PAPER,
    )
    for size, like_keras, like_torch in (("small", V3_SMALL, V3_SMALL_TORCH), ("large", V3_LARGE, V3_LARGE_TORCH)):
        yield from _models(
            like_keras,
            "mobilenet_v3",
            f"MobileNet v3 {size}, inverted residuals found by search, as in Keras",
            {"blocks": size},
            head=V3_HEAD,
            preprocessing=SCALED_INSIDE,
            layouts=_layouts("keras_2020", f"timm_v3_{size}"),
            reference="keras.applications.mobilenet_v3",
            **V3_PAPER,
        )
        yield from _models(
            like_torch,
            "mobilenet_v3",
            f"MobileNet v3 {size}, inverted residuals found by search, as in torchvision",
            {"blocks": size},
            head=V3_HEAD,
            preprocessing=SCALED_LIKE_TORCH,
            layouts=_layouts(f"torchvision_v3_{size}", f"timm_v3_{size}"),
            reference="torchvision.models.mobilenetv3",
            **V3_PAPER,
        )


@hookimpl
def zoo_weights() -> Iterator[WeightsSpec]:
    """Return the official weights of these models."""
    return official_weights()


def _models(
    variants: tuple[Variant, ...], builder: str, summary: str, config: dict[str, Any] | None = None, **shared: Any
) -> Iterator[ModelSpec]:
    for variant in variants:
        yield ModelSpec(
            name=variant.name,
            builder=f"zoo_mobilenet.builders:{builder}",
            config={**(config or {}), **variant.config},
            input_shape=(224, 224, 3),
            classes=1000,
            # The input whose last feature map is a single pixel; on less, strides would be lost.
            min_size=32,
            parameters=ParameterCount(variant.total, variant.trainable),
            summary=summary,
            **shared,
        )


def _layouts(*names: str) -> dict[str, str]:
    return {name: f"zoo_mobilenet.layouts:{name}" for name in names}

"""The MobileNets: every variant, its parameters, and the build that it is equal to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zoo import ModelSpec, ParameterCount, Preprocessing, WeightsSpec, hookimpl
from zoo.weights.published import SYMMETRIC_PIXELS, TORCH_PIXELS
from zoo_mobilenet.weights import official_weights

# Each row: name, what sets it apart from its siblings, parameters in all, trainable parameters.
# The three digits of a name are the width multiplier alpha in hundredths.

V1 = (
    ("mobilenet_v1_025", {"alpha": 0.25}, 475_544, 470_072),
    ("mobilenet_v1_050", {"alpha": 0.5}, 1_342_536, 1_331_592),
    ("mobilenet_v1_075", {"alpha": 0.75}, 2_601_976, 2_585_560),
    ("mobilenet_v1", {"alpha": 1.0}, 4_253_864, 4_231_976),
)

V2 = (
    ("mobilenet_v2_035", {"alpha": 0.35}, 1_691_208, 1_677_128),
    ("mobilenet_v2_050", {"alpha": 0.5}, 1_987_224, 1_968_680),
    ("mobilenet_v2_075", {"alpha": 0.75}, 2_663_064, 2_636_424),
    ("mobilenet_v2", {"alpha": 1.0}, 3_538_984, 3_504_872),
    ("mobilenet_v2_130", {"alpha": 1.3}, 5_431_048, 5_386_792),
    ("mobilenet_v2_140", {"alpha": 1.4}, 6_156_712, 6_108_776),
)

V3_SMALL = (
    ("mobilenet_v3_small_075", {"alpha": 0.75}, 2_051_552, 2_041_872),
    ("mobilenet_v3_small", {"alpha": 1.0}, 2_554_968, 2_542_856),
    ("mobilenet_v3_small_minimalistic_075", {"alpha": 0.75, "minimalistic": True}, 1_742_192, 1_732_512),
    ("mobilenet_v3_small_minimalistic", {"alpha": 1.0, "minimalistic": True}, 2_056_848, 2_044_736),
)

V3_LARGE = (
    ("mobilenet_v3_large_075", {"alpha": 0.75}, 4_012_616, 3_993_528),
    ("mobilenet_v3_large", {"alpha": 1.0}, 5_507_432, 5_483_032),
    ("mobilenet_v3_large_minimalistic_075", {"alpha": 0.75, "minimalistic": True}, 3_069_400, 3_050_312),
    ("mobilenet_v3_large_minimalistic", {"alpha": 1.0, "minimalistic": True}, 3_948_688, 3_924_288),
)

# torchvision: as many zeros on both sides of a strided convolution, pixels scaled outside the network.
TORCH = {"padding": "torch", "kernel_initializer": "he_normal", "dropout": 0.2}
V2_TORCH = (("mobilenet_v2_torch", {**TORCH, "epsilon": 1e-5, "momentum": 0.9}, 3_538_984, 3_504_872),)
V3 = {**TORCH, "momentum": 0.99, "rescaling": False}
V3_SMALL_TORCH = (("mobilenet_v3_small_torch", V3, 2_554_968, 2_542_856),)
V3_LARGE_TORCH = (("mobilenet_v3_large_torch", V3, 5_507_432, 5_483_032),)

SCALED_TO_ONE = Preprocessing(**SYMMETRIC_PIXELS)
SCALED_INSIDE = Preprocessing()
SCALED_LIKE_TORCH = Preprocessing(**TORCH_PIXELS)

V1_PAPER = {"paper": "https://arxiv.org/abs/1704.04861", "year": 2017}
V2_PAPER = {"paper": "https://arxiv.org/abs/1801.04381", "year": 2018}
V3_PAPER = {"paper": "https://arxiv.org/abs/1905.02244", "year": 2019}

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
    for size, table, torch_table in (("small", V3_SMALL, V3_SMALL_TORCH), ("large", V3_LARGE, V3_LARGE_TORCH)):
        yield from _models(
            table,
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
            torch_table,
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
    table: tuple[Any, ...], builder: str, summary: str, config: dict[str, Any] | None = None, **shared: Any
) -> Iterator[ModelSpec]:
    for name, own, total, trainable in table:
        yield ModelSpec(
            name=name,
            builder=f"zoo_mobilenet.builders:{builder}",
            config={**(config or {}), **own},
            input_shape=(224, 224, 3),
            classes=1000,
            # The input whose last feature map is a single pixel; on less, strides would be lost.
            min_size=32,
            parameters=ParameterCount(total, trainable),
            summary=summary,
            **shared,
        )


def _layouts(*names: str) -> dict[str, str]:
    return {name: f"zoo_mobilenet.layouts:{name}" for name in names}

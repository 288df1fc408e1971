"""The wide & deep network, and the strategy that trains each of its two parts in its own way."""

from __future__ import annotations

from collections.abc import Iterator

from zoo import ModelSpec, ParameterCount, StrategySpec, hookimpl


@hookimpl
def zoo_models() -> Iterator[ModelSpec]:
    """Return the one model; all else about it is options."""
    yield ModelSpec(
        name="wide_deep",
        builder="zoo_wide_deep.builders:wide_deep",
        config={"hidden_units": (32, 32)},
        input_shape=(8,),
        classes=1,
        parameters=ParameterCount(1_385),
        summary="wide & deep network for tables of numbers and words",
        task="regression",
        classifier_activation=None,
        auxiliary=(("deep_predictions",),),
        layouts={"keras": "zoo_wide_deep.layouts:keras"},
        paper="https://arxiv.org/abs/1606.07792",
        year=2016,
        reference="Géron, Hands-On Machine Learning, chapter 10: 8 x 32 + 32 + 32 x 32 + 32 + (8 + 32) + 1",
    )


@hookimpl
def zoo_strategies() -> Iterator[StrategySpec]:
    """Return joint training with two optimisers."""
    yield StrategySpec(
        name="wide_and_deep",
        phases="zoo_wide_deep.strategies:wide_and_deep",
        summary="train a wide & deep network jointly, the wide part by FTRL with L1, the deep part by Adam or AdaGrad",
        config={"deep_optimizer": "adam", "wide_learning_rate": 0.2, "l1": 0.01},
    )

"""The plugin that is the core itself: the datasets and transfer strategies that every zoo has."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.hookspecs import hookimpl
from zoo.specs import DatasetSpec, StrategySpec


@hookimpl
def zoo_datasets() -> Iterable[DatasetSpec]:
    """Yield the datasets that come with a dependency, are generated, or are read from the user's own files."""
    yield DatasetSpec(
        name="digits",
        loader="zoo.data.sources.digits:digits",
        task="image-classification",
        summary="1,797 handwritten digits of 8x8 pixels, shipped with scikit-learn",
        classes=10,
        reference="https://archive.ics.uci.edu/dataset/80",
        licence="CC-BY-4.0",
    )
    yield DatasetSpec(
        name="image_folder",
        loader="zoo.data.sources.folders:image_folder",
        task="image-classification",
        summary="your own photographs, in one folder for each class",
    )
    yield DatasetSpec(
        name="cifar10",
        loader="zoo.data.sources.cifar10:cifar10",
        task="image-classification",
        summary="60,000 photographs of 32x32 pixels in ten classes, as binary batches or class folders",
        classes=10,
        reference="cifar-10-binary.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html",
    )
    yield DatasetSpec(
        name="table",
        loader="zoo.data.sources.csv_file:table",
        task="regression",
        summary="your own CSV file: regression if the target is a number, otherwise classification",
    )
    yield DatasetSpec(
        name="california_housing",
        loader="zoo.data.sources.csv_file:table",
        task="regression",
        summary="20,640 districts of California in 1990: the median house value from eight numbers and a category",
        config={"target": "median_house_value", "name": "california_housing"},
        reference="housing.csv of https://github.com/ageron/handson-ml2/tree/master/datasets/housing",
    )
    yield DatasetSpec(
        name="synthetic_images",
        loader="zoo.data.sources.synthetic:synthetic_images",
        task="image-classification",
        summary="generated images that a network learns in seconds, for smoke tests",
    )


@hookimpl
def zoo_strategies() -> Iterable[StrategySpec]:
    """Yield the strategies that every zoo has."""
    yield StrategySpec(
        name="full",
        phases="zoo.transfer.strategies:full",
        summary="train every layer",
    )
    yield StrategySpec(
        name="last_layers",
        phases="zoo.transfer.strategies:last_layers",
        summary="train the last layers that have weights, or all layers from a named one on; freeze the others",
        config={"layers": 1},
    )
    yield StrategySpec(
        name="head",
        phases="zoo.transfer.strategies:head",
        summary="train a new head on the frozen backbone",
        new_head=True,
    )
    yield StrategySpec(
        name="features",
        phases="zoo.transfer.strategies:features",
        summary="compute a new last layer by regression on the features of the frozen backbone",
        new_head=True,
        config={"c": 0.01},
    )
    yield StrategySpec(
        name="fine_tune",
        phases="zoo.transfer.strategies:fine_tune",
        summary="train a new head, then all layers from a given one on at a lower learning rate",
        new_head=True,
    )
    yield StrategySpec(
        name="gradual",
        phases="zoo.transfer.strategies:gradual",
        summary="train a new head, then one more stage in each phase, at a lower and lower learning rate",
        new_head=True,
        config={"stages": 3, "factor": 0.3},
    )

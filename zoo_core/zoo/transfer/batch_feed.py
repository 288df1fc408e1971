"""The batches of a training: images or rows, or the cached features of its frozen layers."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.data import Split
from zoo.data.pipeline import BatchSource, batches
from zoo.inference.evaluation import OutputsOf
from zoo.transfer.callbacks import ShowProgress, StopWhenInterrupted
from zoo.transfer.feature_cache import CachedFeatures, FeatureStore, cached_batches, extract, outputs_above
from zoo.transfer.model_cut import Cut
from zoo.transfer.plan import TrainingPlan


class BatchFeed:
    """The training and validation batches of a plan; above a cut, those of features that are computed once.

    ``training`` and ``validation`` are the splits of the plan's dataset with their labels as the network learns them.
    ``cached`` are the features of the phase that is under way, if it has any.
    """

    def __init__(self, plan: TrainingPlan, training: Split, validation: Split | None) -> None:
        self.training, self.validation = training, validation or None
        self.options, self.batch_size, self.views = plan.options, plan.batch_size, max(1, plan.options.views)
        self.cached: CachedFeatures | None = None
        preprocessing = plan.build.preprocessing
        augmentation = plan.options.augment if preprocessing else None

        def make(split: Split, **how: Any) -> BatchSource:
            return batches(split, preprocessing, plan.build.options["input_shape"], batch_size=plan.batch_size, **how)

        self._make = make
        self._shuffled = make(training, shuffle=True, seed=plan.seed, augmentation=augmentation, keep=True)
        self._in_order = make(training, seed=plan.seed, augmentation=augmentation)
        self._held_out = make(validation, keep=True) if validation else None

    def __len__(self) -> int:
        return len(self._shuffled)

    def close(self) -> None:
        """Give back the memory and the disk space that the batches hold."""
        for source in (self._shuffled, self._held_out):
            if source is not None:
                source.close()

    def cache(self, cut: Cut, show: ShowProgress, stop: StopWhenInterrupted) -> None:
        """Compute the features at ``cut`` and keep them in ``cached``, which stays None if there is no room.

        Raises:
            Interrupted: if the user presses Ctrl-C meanwhile.
        """
        # With cache="off", only a solver needs features, and they go wherever there is room.
        where = "auto" if self.options.cache == "off" else self.options.cache
        held_out = None if self.validation is None else self._make(self.validation)

        def after_batch() -> None:
            show.advance_features()
            stop.check()

        def features_of(split: Split, source: BatchSource, views: int) -> FeatureStore | None:
            found = extract(cut, source, len(split), views=views, where=where, after_batch=after_batch)
            source.close()
            return found

        show.begin_features(len(self._in_order) * self.views + (len(held_out) if held_out else 0))
        training = features_of(self.training, self._in_order, self.views)
        if training is not None and held_out is None:
            self.cached = CachedFeatures(cut, training)
        elif training is not None and held_out is not None and self.validation is not None:
            validation = features_of(self.validation, held_out, 1)
            self.cached = CachedFeatures(cut, training, validation) if validation else None
        show.end_features()

    def training_batches(self, *, epoch: int) -> BatchSource:
        """Return the training batches from ``epoch`` on, counted from 0 through all phases."""
        self._shuffled.start_at(epoch)
        if self.cached is None:
            return self._shuffled
        return cached_batches(self.cached.training, self.training, self._shuffled, self.batch_size, self.views)

    def validation_batches(self) -> BatchSource | None:
        """Return the validation batches, or None without a validation split."""
        if self.cached is None or self.validation is None or self.cached.validation is None:
            return self._held_out
        return cached_batches(self.cached.validation, self.validation, self._make(self.validation), self.batch_size)

    def training_features_in_order(self) -> BatchSource:
        """Return batches of the training samples' features in the order of the samples, of the first view."""
        assert self.cached is not None
        return cached_batches(self.cached.training, self.training, self._make(self.training), self.batch_size)

    def features_and_labels(self) -> tuple[Any, NDArray[Any]]:
        """Return the features and labels of all training samples, of all views."""
        assert self.cached is not None
        features = self.cached.training.take(np.arange(len(self.training) * self.views))
        return features, np.tile(self.training.labels, self.views)

    def validation_outputs(self) -> OutputsOf | None:
        """Return what gives the model's outputs for validation samples from their features, or None without these."""
        if self.cached is None or self.cached.validation is None:
            return None
        return partial(outputs_above, self.cached.cut, self.cached.validation, self.batch_size)

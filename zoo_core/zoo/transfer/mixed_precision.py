"""Training in 16 bits where the device is faster with them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import keras

from zoo.errors import asked
from zoo.models.build_info import annotate, build_of
from zoo.models.network import build_from
from zoo.registry import Entry
from zoo.weights import copy_weights

log = logging.getLogger("zoo")

#: The first compute capability of GPUs with tensor cores for 16 bits (https://developer.nvidia.com/cuda-gpus).
_TENSOR_CORES = (7, 0)


@contextmanager
def computing_in(mixed: bool) -> Iterator[None]:
    """Let models built in the context compute in 16 bits if ``mixed`` and a device is faster so; weights keep 32."""
    if mixed and not has_fast_16_bits():
        log.warning("%s: no device here is faster in 16 bits, so training computes in 32", asked())
        mixed = False
    before = keras.config.dtype_policy()
    if mixed:
        keras.config.set_dtype_policy("mixed_float16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def has_fast_16_bits() -> bool:
    """Return whether TensorFlow sees a GPU with tensor cores."""
    import tensorflow

    details = (
        tensorflow.config.experimental.get_device_details(each)
        for each in tensorflow.config.list_physical_devices("GPU")
    )
    return any(each.get("compute_capability", (0, 0)) >= _TENSOR_CORES for each in details)


def in_float32(model: keras.Model) -> keras.Model:
    """Return the same network computing in 32 bits, with the same weights."""
    known = build_of(model)
    assert known is not None  # a plan is made of a model that Zoo has built
    plain = build_from(Entry(known.spec, known.distribution), known.options)
    copy_weights(model, plain, source=known.spec.name)
    annotate(plain, **{name: value for name, value in vars(known).items() if name not in ("spec", "options")})
    return plain

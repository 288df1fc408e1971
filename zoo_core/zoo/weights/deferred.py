"""Building a model directly with its weights: no random values are drawn for variables that a file has values for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np

from zoo.weights.formats import Array, aligned_empty
from zoo.weights.formats.arrays import ALIGNMENT

#: Variables of a model, each with its value.
Values = Iterable[tuple[keras.Variable, Array]]


def built_with(make: Callable[[], keras.Model], values_for: Callable[[keras.Model], Values]) -> keras.Model:
    """Return the model of ``make`` with the values of ``values_for(model)``; other variables get their initial values.

    Keras first creates the variables without values. So no random values are drawn and thrown away, and no array is in
    memory twice, because TensorFlow takes over the memory of an aligned array. A builder that needs the values of its
    variables is run again in the ordinary way, and the values are assigned afterwards.
    """
    scope = keras.StatelessScope()
    with scope:
        model = _without_values(scope, make)
        if model is not None:
            try:
                for variable, array in values_for(model):
                    variable._initializer = _given(array)
            except BaseException:
                for variable in model.variables:  # when the scope ends they all get a value, which is never used
                    variable._initializer = keras.initializers.Zeros()
                raise
    if model is None:
        model = make()
        assign(values_for(model))
    return model


def assign(values: Values) -> None:
    """Assign the values to their variables, once all values have been read."""
    for variable, array in list(values):
        variable.assign(array)


def _without_values(scope: keras.StatelessScope, make: Callable[[], keras.Model]) -> keras.Model | None:
    """Return the model of ``make`` without values, or None if the builder assigns values or fails without them."""
    try:
        model = make()
    except Exception:  # the caller runs the builder again in the ordinary way, where a real mistake raises again
        return None
    waiting = all(getattr(variable, "_initializer", None) is not None for variable in model.variables)
    untouched = all(scope.get_current_value(variable) is None for variable in model.variables)
    return model if waiting and untouched else None


def _given(array: Array) -> Callable[..., Any]:
    return lambda shape, dtype=None: _adopted(array)


def _adopted(array: Array) -> Any:
    """Return the array as a tensor of the backend, which shares the array's memory if the backend can do that."""
    if keras.backend.backend() != "tensorflow" or not array.size:
        return keras.ops.convert_to_tensor(array)
    import tensorflow

    return tensorflow.experimental.dlpack.from_dlpack(aligned(array).__dlpack__())


def aligned(array: Array, dtype: Any = None) -> Array:
    """Return the array, or a copy of it, in contiguous memory that a backend can take over."""
    dtype = np.dtype(dtype or array.dtype)
    flags = array.flags
    if array.dtype == dtype and flags.c_contiguous and flags.writeable and array.ctypes.data % ALIGNMENT == 0:
        return array
    copy = aligned_empty(array.shape, dtype)
    copy[...] = array
    return copy

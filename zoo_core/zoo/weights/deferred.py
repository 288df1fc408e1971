"""Building a model straight into its weights: no random value is drawn for a variable that a file holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np

from zoo.weights.formats import Array, aligned_empty
from zoo.weights.formats.arrays import ALIGNMENT

#: The variables of a model that are given a value, each with it.
Values = Iterable[tuple[keras.Variable, Array]]


def built_with(make: Callable[[], keras.Model], values_for: Callable[[keras.Model], Values]) -> keras.Model:
    """Return the model of ``make`` whose variables begin with ``values_for(model)``, every other with its initial one.

    Keras creates the variables without values, so that nothing is drawn at random and thrown away, and no array is held
    twice: TensorFlow takes over the memory of those that are aligned. A builder that needs the values of its variables
    is run again without this, and the values are assigned.
    """
    scope = keras.StatelessScope()
    with scope:
        model = _without_values(scope, make)
        if model is not None:
            try:
                for variable, array in values_for(model):
                    variable._initializer = _given(array)
            except BaseException:
                for variable in model.variables:  # on leaving the scope they all get a value, which nobody will see
                    variable._initializer = keras.initializers.Zeros()
                raise
    if model is None:
        model = make()
        assign(values_for(model))
    return model


def assign(values: Values) -> None:
    """Give each variable its value; every value is there before the first is given."""
    for variable, array in list(values):
        variable.assign(array)


def _without_values(scope: keras.StatelessScope, make: Callable[[], keras.Model]) -> keras.Model | None:
    """Return the model of ``make`` without values, or None if the builder gave some or stumbled over their absence."""
    try:
        model = make()
    except Exception:  # made as ever, it fails again if the fault is its own
        return None
    waiting = all(getattr(variable, "_initializer", None) is not None for variable in model.variables)
    untouched = all(scope.get_current_value(variable) is None for variable in model.variables)
    return model if waiting and untouched else None


def _given(array: Array) -> Callable[..., Any]:
    return lambda shape, dtype=None: _adopted(array)


def _adopted(array: Array) -> Any:
    """Return the array as a tensor of the backend, in the array's own memory where the backend can do that."""
    if keras.backend.backend() != "tensorflow" or not array.size:
        return keras.ops.convert_to_tensor(array)
    import tensorflow

    return tensorflow.experimental.dlpack.from_dlpack(aligned(array).__dlpack__())


def aligned(array: Array, dtype: Any = None) -> Array:
    """Return the array in contiguous memory that a backend can take over: its own, or that of a copy."""
    dtype = np.dtype(dtype or array.dtype)
    flags = array.flags
    if array.dtype == dtype and flags.c_contiguous and flags.writeable and array.ctypes.data % ALIGNMENT == 0:
        return array
    copy = aligned_empty(array.shape, dtype)
    copy[...] = array
    return copy

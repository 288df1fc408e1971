"""Training: a strategy is a list of phases, a plan holds all that is decided, one trainer runs it and leaves a run.

``zoo.transfer(...)`` calls :func:`zoo.transfer.transfer`, whose docstring explains its arguments.
"""

from __future__ import annotations

import sys
from types import ModuleType

from zoo.runs.run import Run, load
from zoo.transfer.options import TrainingOptions
from zoo.transfer.phases import ALL, Phase
from zoo.transfer.training import resume, transfer

__all__ = ["ALL", "Phase", "Run", "TrainingOptions", "load", "resume", "transfer"]


class _CallableModule(ModuleType):
    """``zoo.transfer`` is both this package and the function: importing the package must not hide the function."""

    __call__ = staticmethod(transfer)


sys.modules[__name__].__class__ = _CallableModule

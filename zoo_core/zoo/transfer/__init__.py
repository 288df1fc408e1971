"""Transfer: strategies are data, each a list of phases; one trainer runs them and leaves a run.

``zoo.transfer(...)`` calls :func:`zoo.transfer.transfer`, whose docstring says what it takes.
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
    """``zoo.transfer`` is this package and the function of the same name; importing the one must not hide the other."""

    __call__ = staticmethod(transfer)


sys.modules[__name__].__class__ = _CallableModule

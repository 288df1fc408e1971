"""What the parity tests need around them: arithmetic without rounding, torchvision, and the table at the end."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import ModuleType

import keras
import pytest

#: The key under which a parity test leaves its row of the table.
ROW = "parity"

COLUMNS = ("model", "parameters", "trainable", "inference", "one step", "reference")


@pytest.fixture(autouse=True)
def _doubles() -> Iterator[None]:
    """Compute in float64, where an epsilon of 1e-5 for 1.001e-5 stands out; free the memory afterwards."""
    keras.utils.set_random_seed(0)
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    keras.utils.clear_session()
    gc.collect()


@pytest.fixture
def torchvision(_torchvision: ModuleType) -> ModuleType:
    """The package torchvision, its random numbers those of a seed."""
    import torch

    torch.manual_seed(0)
    return _torchvision


@pytest.fixture(scope="session")
def _torchvision() -> Iterator[ModuleType]:
    """The package torchvision, on whatever torch there is, or a skip that says what is missing."""
    torch = pytest.importorskip("torch", reason="no reference: torch is not installed (see requirements-parity.txt)")
    library = torch.library.Library("torchvision", "FRAGMENT")
    try:
        # torchvision describes these two to torch on being imported, also where it comes without its compiled part.
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    except RuntimeError:
        pass  # the compiled part is there and has defined them
    yield pytest.importorskip("torchvision", reason="no reference: torchvision is not installed")
    del library


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a row for each model that was compared with its reference, whether it came out equal or not."""
    reports = [each for outcome in ("passed", "failed") for each in terminalreporter.stats.get(outcome, ())]
    rows = [value for each in reports if each.when == "call" for key, value in each.user_properties if key == ROW]
    if not rows:
        return
    lines = [COLUMNS, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    terminalreporter.section("parity: worst relative errors")
    for line in lines:
        cells = zip(line, widths, COLUMNS, strict=True)
        terminalreporter.line(
            "  ".join(
                cell.ljust(width) if column in ("model", "reference") else cell.rjust(width)
                for cell, width, column in cells
            ).rstrip()
        )

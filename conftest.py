"""What every distribution's tests share: the real data, and quiet logs."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# For the processes of pytest-xdist, which start after this: glibc then gives large blocks back to the system at once
# and does not learn to keep those of up to 32 MB, of which the weights of networks are made.
os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(2**20))

ROOT = Path(__file__).parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real photographs, tables and weights, or a skip that says it is absent."""
    folder = Path(os.environ.get("ZOO_SHARED", ROOT.parent / "shared")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is no folder; set ZOO_SHARED")
    return folder


@pytest.fixture(autouse=True)
def _own_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests away from the settings of the person who runs them."""
    monkeypatch.setenv("ZOO_HOME", str(tmp_path_factory.mktemp("zoo_home")))


@pytest.fixture(scope="module", autouse=True)
def _forget_models(request: pytest.FixtureRequest) -> Iterator[None]:
    """Free the models that a module's tests have built and cached: all together they fill a small machine."""
    yield
    for value in vars(request.module).values():
        if hasattr(value, "cache_clear"):
            value.cache_clear()
    if "keras" in sys.modules:
        sys.modules["keras"].utils.clear_session()
    gc.collect()

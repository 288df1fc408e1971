"""What the core's tests share: small networks of their own, and plugins made for one test, each a real distribution."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zoo import plugins
from zoo.cli import main

from .http_server import Server, serving

Install = Callable[..., None]

#: The distribution zoo-small, whose networks stand for those of any family; its README says what each is for.
SMALL_NETWORKS = Path(__file__).parent / "small_networks"

MODEL = """\
from zoo import ModelSpec, ParameterCount, Preprocessing, hookimpl

def spec(name, **changes):
    declared = dict(
        name=name, builder="zoo_toys.builders:toy", input_shape=(8, 8, 3), classes=10, summary="a toy",
        parameters=ParameterCount(30), preprocessing=Preprocessing(),
    )
    return ModelSpec(**{**declared, **changes})

@hookimpl
def zoo_models():
    yield spec("toy")
"""


@pytest.fixture(scope="module", autouse=True)
def _small_networks() -> Iterator[None]:
    """Install zoo-small while a module's tests run, for this process and for those that it starts.

    It is gone afterwards, so that the tests of other folders, which list every model, never see it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SMALL_NETWORKS))
        patch.setenv("PYTHONPATH", str(SMALL_NETWORKS), prepend=os.pathsep)
        plugins.forget_plugins()
        yield
    plugins.forget_plugins()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution whose one module is a plugin of the zoo; it is gone when the test ends."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    before = set(sys.modules)

    def _install(distribution: str, code: str, *, entry: str | None = None, builders: str | None = None) -> None:
        module = distribution.replace("-", "_") + "_plugin"
        (site / f"{module}.py").write_text(code, encoding="utf-8")
        info = site / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(entry or f"[zoo]\ntoys = {module}\n", encoding="utf-8")
        if builders is not None:
            package = site / "zoo_toys"
            package.mkdir()
            (package / "builders.py").write_text(builders, encoding="utf-8")
        plugins.forget_plugins()

    plugins.forget_plugins()
    yield _install
    plugins.forget_plugins()
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(site) in str(sys.modules[name].__file__):
            del sys.modules[name]


@pytest.fixture
def a_model() -> str:
    """The code of a plugin with one model, ``toy``."""
    return MODEL


@pytest.fixture
def zoo(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Run a line of the ``zoo`` program in this process; return its exit status, stdout and stderr."""
    monkeypatch.setenv("COLUMNS", "120")

    def run(*words: str) -> tuple[int, str, str]:
        status = main(words)
        out, err = capfd.readouterr()
        return status, out, err

    return run


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A real HTTP server on loopback; it has no files yet."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as running:
        yield running

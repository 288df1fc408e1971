"""What this project checks, by name: ``nox -l`` lists it, ``nox -s lint types`` runs some of it.

The sessions of the first part run in the environment that nox runs in, which requirements-dev.txt fills; so do
pre-commit and CI, which call the same sessions. Those of the second part make an environment of their own.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PLUGINS = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("zoo_plugins/*/zoo_*") if path.is_dir())

#: What the core's tests need besides the core.
TOOLS_OF_TESTS = ("pytest", "pytest-xdist")

#: The newest Python here that TensorFlow 2.21 supports.
NEWEST = next((version for version in ("3.13", "3.12") if shutil.which(f"python{version}")), "3.11")

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "layers", "docs", "tests"]
# The environments of tests are made anew each time, and kept where nobody looks.
nox.options.envdir = os.environ.get("NOX_ENVDIR", ".nox")


# -- in the environment that is there


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.run("ruff", "check", ".", external=True)
    session.run("ruff", "format", "--check", ".", external=True)


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the core, of every plugin and of the weights."""
    for package in ("zoo_core/zoo", *PLUGINS, "weights/zoo_weights"):
        session.run("mypy", package, external=True)


@nox.session
def layers(session: nox.Session) -> None:
    """Check that imports go down the floors and in no circle."""
    session.run("lint-imports", "--no-cache", "--no-logo", external=True)


@nox.session
def docs(session: nox.Session) -> None:
    """Check the pages: their links, their Python, and the examples in docstrings."""
    session.run(
        "pytest", "-q", "tests/test_docs.py", "tests/test_docstrings.py", "tests/test_architecture.py", external=True
    )


@nox.session
def tests(session: nox.Session) -> None:
    """Run the default suite; arguments after ``--`` go to pytest."""
    session.run("pytest", *session.posargs, external=True)


@nox.session
def slow(session: nox.Session) -> None:
    """Run the tests that are marked as slow."""
    session.run("pytest", "-m", "slow", *session.posargs, external=True)


@nox.session
def parity(session: nox.Session) -> None:
    """Compare every architecture with keras.applications and torchvision (requirements-parity.txt)."""
    session.run("pytest", "-m", "parity", "--numprocesses=1", *session.posargs, external=True)


@nox.session
def api(session: nox.Session) -> None:
    """Write the list of public names and signatures anew."""
    session.run("python", "tests/test_public_api.py", external=True)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Run the benchmarks that need no more than a few minutes; arguments after ``--`` name others."""
    for name in session.posargs or ("startup", "discovery", "load"):
        session.run("python", f"benchmarks/{name}.py", external=True)


# -- in environments of their own


@nox.session(venv_backend="venv")
def oldest(session: nox.Session) -> None:
    """Run the core's tests with the core alone, on the oldest versions that its pyproject.toml admits."""
    session.install(*oldest_versions(), "-e", "./zoo_core", *TOOLS_OF_TESTS)
    session.run("pytest", "zoo_core/tests", *session.posargs)


@nox.session(venv_backend="venv", python=NEWEST)
def newest(session: nox.Session) -> None:
    """Run the core's tests with the core alone, on the newest Python at hand that TensorFlow supports."""
    session.install("-c", "constraints.txt", "-e", "./zoo_core[hf,tensorboard]", *TOOLS_OF_TESTS)
    session.run("pytest", "zoo_core/tests", *session.posargs)


def oldest_versions() -> list[str]:
    """Return what the core and two of its extras need, each in the latest patch of the oldest version admitted."""
    core = tomllib.loads((ROOT / "zoo_core" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = core["optional-dependencies"]
    return [f"{each.replace('>=', '==')}.*" for each in (*core["dependencies"], *extras["hf"], *extras["tensorboard"])]

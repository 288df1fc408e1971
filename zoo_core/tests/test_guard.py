"""Plugins run under a guard that other threads never notice, and that is gone when the plugin has returned.

What happens in threads is tested in fresh processes: a module can be imported for the first time only once.
"""

from __future__ import annotations

import builtins
import importlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import zoo
from zoo import guard, plugins

Install = Callable[..., None]

#: How many fresh processes run a race: few by default, and in the slow tests so many that a rare fault is seen.
FEW, MANY = 5, 15

#: Takes its time, so that another thread is in the middle of an import when the plugin is refused.
IMPORTS_NUMPY = "import time\ntime.sleep(0.2)\nimport numpy\n"

FIRST_CALLS_IN_TWO_THREADS = """
import builtins, sys, threading
plain = builtins.__import__
import zoo
start, answers = threading.Barrier(2), []

def first_call():
    start.wait()
    answers.append(zoo.list_models())

threads = [threading.Thread(target=first_call) for _ in range(2)]
sys.setswitchinterval(1e-5)
for each in threads: each.start()
for each in threads: each.join()
sys.setswitchinterval(0.005)
assert builtins.__import__ is plain, "the guard is still installed"
assert answers[0] == answers[1] == zoo.list_models(), answers
import numpy
"""

IMPORT_BESIDE_A_REFUSED_PLUGIN = """
import importlib, sys, threading, time
import zoo.registry, zoo.plugins
errors = []

def import_scipy():
    try:
        import scipy.linalg
        scipy.linalg.norm([3.0, 4.0])
    except BaseException as error:
        errors.append(repr(error))

thread = threading.Thread(target=import_scipy)
thread.start()
while "scipy" not in sys.modules: time.sleep(0.001)
[plugin] = [each for each in zoo.list_plugins() if each.distribution == "zoo-heavy"]
thread.join()
assert errors == [], errors
assert "imports numpy while it is loaded" in plugin.faults[0].reason
"""


def in_a_fresh_process(code: str, site: Path) -> str:
    """Run ``code`` where the plugins of ``site`` are installed; return its traceback, or nothing."""
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stderr if done.returncode else ""


@pytest.mark.parametrize("processes", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_two_threads_that_list_first_get_the_same_and_leave_no_guard_behind(
    processes: int, install: Install, a_model: str, tmp_path: Path
) -> None:
    install("zoo-toys", a_model)
    failed = [in_a_fresh_process(FIRST_CALLS_IN_TWO_THREADS, tmp_path / "site-packages") for _ in range(processes)]
    assert [each for each in failed if each] == []


@pytest.mark.parametrize("processes", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_a_refused_plugin_does_not_break_what_another_thread_imports(
    processes: int, install: Install, tmp_path: Path
) -> None:
    install("zoo-heavy", IMPORTS_NUMPY)
    failed = [in_a_fresh_process(IMPORT_BESIDE_A_REFUSED_PLUGIN, tmp_path / "site-packages") for _ in range(processes)]
    assert [each for each in failed if each] == []


# -- what is forgotten

SHARED = """
import gate, colorsys, shared
gate.loaded.set()
gate.importing.wait(30)
try:
    import numpy
except ImportError:
    pass
"""

IMPORT_PART_OF_WHAT_THE_PLUGIN_LOADED = """
import sys, threading, types
gate = sys.modules["gate"] = types.ModuleType("gate")
gate.loaded, gate.importing, gate.listed = threading.Event(), threading.Event(), threading.Event()
import zoo.registry
sys.modules.pop("colorsys", None)
errors = []

def import_part():
    gate.loaded.wait(30)
    try:
        import shared.part
        assert sys.modules["shared"].part is sys.modules["shared.part"]
    except BaseException as error:
        errors.append(repr(error))

thread = threading.Thread(target=import_part)
thread.start()
[plugin] = [each for each in zoo.list_plugins() if each.distribution == "zoo-heavy"]
gate.listed.set()
thread.join()
assert "imports numpy" in plugin.faults[0].reason
assert errors == [], errors
assert "colorsys" not in sys.modules
"""

#: A package that holds another thread when Python has looked the package up, and has not yet begun to load its part.
WAITS_BEFORE_ITS_PART_IS_FOUND = """
import gate, threading
folders = __path__
del __path__

def __getattr__(name):
    if name != "__path__":
        raise AttributeError(name)
    if threading.current_thread() is not threading.main_thread():
        gate.importing.set()
        gate.listed.wait(30)
    return folders
"""

WAITS_WHILE_IT_IS_LOADED = "import gate\ngate.importing.set()\ngate.listed.wait(30)\n"


@pytest.mark.parametrize(
    ("package", "part"),
    [("", WAITS_WHILE_IT_IS_LOADED), (WAITS_BEFORE_ITS_PART_IS_FOUND, "")],
    ids=["while a part is loaded", "before a part is found"],
)
def test_a_package_that_another_thread_imports_from_stays_and_the_rest_is_forgotten(
    package: str, part: str, install: Install, tmp_path: Path
) -> None:
    install("zoo-heavy", SHARED)
    folder = tmp_path / "site-packages" / "shared"
    folder.mkdir()
    (folder / "__init__.py").write_text(package)
    (folder / "part.py").write_text(part)
    assert in_a_fresh_process(IMPORT_PART_OF_WHAT_THE_PLUGIN_LOADED, tmp_path / "site-packages") == ""


def test_a_forgotten_module_is_no_longer_an_attribute_of_a_package_that_stays(install: Install, tmp_path: Path) -> None:
    install("zoo-heavy", "import zoo_kept.half\ntry:\n    import numpy\nexcept ImportError:\n    pass\n")
    package = tmp_path / "site-packages" / "zoo_kept"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "half.py").write_text("")
    kept = importlib.import_module("zoo_kept")
    zoo.list_plugins()
    assert "zoo_kept.half" not in sys.modules
    assert not hasattr(kept, "half")


# -- the guard is always removed


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "SystemExit", "GeneratorExit", "RuntimeError", "ImportError"])
def test_the_guard_is_gone_after_whatever_a_plugin_raises(error: str, install: Install) -> None:
    plain = builtins.__import__
    install("zoo-broken", f"raise {error}")
    try:
        zoo.list_plugins()
    except KeyboardInterrupt:
        assert error == "KeyboardInterrupt"
    assert builtins.__import__ is plain
    assert not guard.runs_a_plugin()


INTERRUPTED = """
import builtins, os, signal, sys, threading, types
plain = builtins.__import__
gate = sys.modules["gate"] = types.ModuleType("gate")
gate.loading = threading.Event()
import zoo.registry

def interrupt():
    gate.loading.wait(30)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt).start()
try:
    zoo.list_models()
except KeyboardInterrupt:
    assert builtins.__import__ is plain, "the guard is still installed"
else:
    raise AssertionError("not interrupted")
answers = []
thread = threading.Thread(target=lambda: answers.append(zoo.list_datasets()))
thread.start(); thread.join(30)
assert answers, "another thread still waits"
import numpy
"""


def test_control_c_while_a_plugin_loads_leaves_neither_the_guard_nor_the_lock_behind(
    install: Install, tmp_path: Path
) -> None:
    code = "import gate, time\nif not gate.loading.is_set():\n    gate.loading.set()\n    time.sleep(30)\n"
    install("zoo-slow", code)
    assert in_a_fresh_process(INTERRUPTED, tmp_path / "site-packages") == ""


def test_a_guard_inside_a_guard_refuses_as_well_and_both_are_removed() -> None:
    plain = builtins.__import__
    inner: list[Any] = []

    def heavy() -> None:
        import numpy  # noqa: F401

    def outer() -> None:
        inner.append(guard.run_guarded("inner", heavy)[1])
        heavy()

    _, fault = guard.run_guarded("outer", outer)
    assert inner[0].reason == fault.reason.replace("outer", "inner")  # type: ignore[union-attr]
    assert "imports numpy" in inner[0].reason
    assert builtins.__import__ is plain


def test_a_guard_that_somebody_has_wrapped_does_nothing_once_the_plugin_has_returned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(builtins, "__import__", builtins.__import__)

    def wrap() -> None:
        guarded = builtins.__import__
        builtins.__import__ = lambda *arguments, **options: guarded(*arguments, **options)

    assert guard.run_guarded("import", wrap) == (None, None)
    import numpy

    assert numpy.__name__ == "numpy"


def test_commands_of_plugins_are_guarded_too(install: Install) -> None:
    plain = builtins.__import__
    code = (
        "import zoo\n@zoo.hookimpl\ndef zoo_commands(app):\n    app.extend(zoo.list_models())\n    import tensorflow\n"
    )
    install("zoo-careless", code)
    names: list[str] = []
    [(plugin, fault)] = plugins.extend_commands(names)
    assert (plugin.distribution, fault.phase) == ("zoo-careless", "zoo_commands")
    assert "imports tensorflow" in fault.reason
    assert names == zoo.list_models()
    assert builtins.__import__ is plain


# -- one thread at a time


def test_a_thread_that_asks_while_another_loads_waits_and_each_plugin_is_loaded_once(
    install: Install, a_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, goes_on, loads = threading.Event(), threading.Event(), []
    gate = type(sys)("zoo_test_gate")
    gate.enter = lambda: (loads.append(threading.get_ident()), started.set(), goes_on.wait(30))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "zoo_test_gate", gate)
    install("zoo-toys", "import zoo_test_gate\nzoo_test_gate.enter()\n" + a_model)
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(plugins.load_plugins())) for _ in range(2)]
    threads[0].start()
    started.wait(30)
    threads[1].start()
    threads[1].join(0.2)
    assert threads[1].is_alive()
    goes_on.set()
    for each in threads:
        each.join(30)
    assert answers[0] is answers[1]
    assert len(loads) == 1


def test_a_deadlock_between_a_plugin_and_a_thread_ends_in_an_error_that_says_so(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "PATIENCE", 0.1)
    code = """
import threading, zoo
reasons = []
def ask():
    try:
        zoo.list_models()
    except zoo.PluginError as error:
        reasons.append(str(error))
thread = threading.Thread(target=ask)
thread.start(); thread.join()
raise RuntimeError(reasons[0])
"""
    install("zoo-waiting", code)
    [plugin] = [each for each in zoo.list_plugins() if each.distribution == "zoo-waiting"]
    assert "another thread has been loading the plugins for 0.1 seconds" in plugin.faults[0].reason

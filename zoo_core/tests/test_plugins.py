"""Plugins that are broken in every way are listed with their faults, and the rest of the zoo goes on working."""

from __future__ import annotations

import subprocess
import sys

import pytest

import zoo
from zoo import plugins


def plugin_of(distribution: str) -> plugins.Plugin:
    return next(plugin for plugin in zoo.list_plugins() if plugin.distribution == distribution)


BROKEN = {
    "raises on import": ("raise RuntimeError('no licence found')", "import", "RuntimeError: no licence found"),
    "has a syntax error": ("def zoo_models(:", "import", "SyntaxError"),
    "imports what is not installed": (
        "import acme_that_is_not_there",
        "import",
        "No module named 'acme_that_is_not_there'",
    ),
    "calls sys.exit": ("import sys; sys.exit(3)", "import", "called sys.exit(3)"),
    "raises GeneratorExit": ("raise GeneratorExit('odd')", "import", "GeneratorExit: odd"),
    "imports TensorFlow": ("import tensorflow", "import", "imports tensorflow while it is loaded or listed"),
    "imports TensorFlow and hides it": (
        "try:\n    import tensorflow as tf\nexcept ImportError:\n    tf = None",
        "import",
        "imports tensorflow while it is loaded or listed",
    ),
    "imports what brings NumPy along": ("import h5py", "import", "imports h5py while it is loaded or listed"),
    "implements nothing": ("x = 1", "register", "implements no hook"),
    "misspells a hook": (
        "from zoo import hookimpl\n@hookimpl\ndef zoo_model():\n    return []",
        "register",
        "implements zoo_model, which is no hook",
    ),
    "takes an argument that the hook has not": (
        "from zoo import hookimpl\n@hookimpl\ndef zoo_models(registry):\n    return []",
        "register",
        "registry",
    ),
    "returns a number": (
        "from zoo import hookimpl\n@hookimpl\ndef zoo_models():\n    return 42",
        "zoo_models",
        "returned int 42, not an iterable of ModelSpec",
    ),
    "yields strings": (
        "from zoo import hookimpl\n@hookimpl\ndef zoo_models():\n    yield 'resnet50'",
        "zoo_models",
        "yields str 'resnet50' at position 1, not a ModelSpec",
    ),
    "never stops yielding": (
        "import itertools\nfrom zoo import hookimpl\n@hookimpl\ndef zoo_models():\n    return itertools.count()",
        "zoo_models",
        "yields more than 10,000 specs",
    ),
    "raises in its hook": (
        "from zoo import hookimpl\n@hookimpl\ndef zoo_models():\n    yield 1 / 0",
        "zoo_models",
        "ZeroDivisionError",
    ),
    "exits in its hook": (
        "from zoo import hookimpl\n@hookimpl\ndef zoo_models():\n    raise SystemExit",
        "zoo_models",
        "called sys.exit()",
    ),
    "imports Keras in its hook": (
        "from zoo import hookimpl\n@hookimpl\ndef zoo_models():\n    import keras\n    return []",
        "zoo_models",
        "imports keras while it is loaded or listed",
    ),
    "declares a wrong spec": (
        "from zoo import ModelSpec, ParameterCount, hookimpl\n@hookimpl\ndef zoo_models():\n"
        "    yield ModelSpec(name='Bad Name', builder='a:b', input_shape=(1,), classes=1,"
        " parameters=ParameterCount(1), summary='', task='regression')",
        "zoo_models",
        "model name 'Bad Name' does not consist of",
    ),
    "asks the zoo for its list while it is loaded": (
        "import zoo\nzoo.list_models()",
        "import",
        "while it was being loaded",
    ),
}


@pytest.mark.parametrize(("code", "phase", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_listed_with_phase_and_reason_and_the_rest_still_work(
    install, a_model: str, code: str, phase: str, reason: str
) -> None:
    install("zoo-broken", code)
    install("zoo-toys", a_model)
    broken = plugin_of("zoo-broken")
    assert (broken.version, broken.faults[0].phase) == ("1.2", phase)
    assert reason in broken.faults[0].reason
    assert plugin_of("zoo-toys").faults == ()
    assert "toy" in zoo.list_models(plugin="zoo-toys")


def test_a_plugin_that_hides_its_import_of_tensorflow_leaves_nothing_half_imported_behind(install) -> None:
    install("zoo-broken", "import colorsys\ntry:\n    import tensorflow\nexcept ImportError:\n    pass")
    sys.modules.pop("colorsys", None)
    assert plugin_of("zoo-broken").faults
    assert "colorsys" not in sys.modules


def test_an_import_of_numpy_by_way_of_a_package_of_ones_own_is_refused_as_well(install, tmp_path) -> None:
    install("zoo-broken", "import zoo_broken_helper")
    (tmp_path / "site-packages" / "zoo_broken_helper.py").write_text("import numpy")
    assert "imports numpy while it is loaded or listed" in plugin_of("zoo-broken").faults[0].reason


def test_the_verdict_on_a_heavy_import_is_the_same_when_the_package_is_loaded_already(install) -> None:
    import numpy

    assert numpy.__name__ in sys.modules
    install("zoo-broken", "import numpy")
    assert "imports numpy" in plugin_of("zoo-broken").faults[0].reason
    assert sys.modules["numpy"] is numpy


def test_control_c_is_not_taken_for_a_fault(install) -> None:
    install("zoo-broken", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        zoo.list_plugins()


def test_one_failing_hook_does_not_cost_the_plugin_its_others(install, a_model: str) -> None:
    install("zoo-toys", a_model + "\n@hookimpl\ndef zoo_datasets():\n    raise OSError('disk')\n")
    assert [fault.phase for fault in plugin_of("zoo-toys").faults] == ["zoo_datasets"]
    assert zoo.list_models(plugin="zoo-toys") == ["toy"]


def test_two_distributions_may_use_one_entry_point_name(install, a_model: str) -> None:
    install("zoo-toys", a_model)
    install("zoo-more-toys", a_model.replace('spec("toy")', 'spec("toy2")'))
    assert {"toy", "toy2"} <= set(zoo.list_models("toy*"))


def test_two_distributions_with_one_module_are_told_apart(install, a_model: str) -> None:
    install("zoo-a", a_model)
    install("zoo-b", "", entry="[zoo]\ntoys = zoo_a_plugin\n")
    assert plugin_of("zoo-a").faults == ()
    assert "already registered by zoo-a:toys" in plugin_of("zoo-b").faults[0].reason


def test_an_entry_point_that_names_no_module_is_a_fault_of_its_distribution_alone(install, a_model: str) -> None:
    install("zoo-toys", a_model)
    install("zoo-odd", a_model, entry="[zoo]\ntoys = zoo-odd.plugin\n")
    [fault] = plugin_of("zoo-odd").faults
    assert fault.phase == "find"
    assert "the line 'toys = zoo-odd.plugin', which is not of the form 'name = module'" in fault.reason
    assert "toy" in zoo.list_models()


def test_the_name_and_version_of_a_distribution_are_read_however_its_metadata_are_written(
    install, a_model: str, tmp_path
) -> None:
    install("zoo-toys", a_model)
    written = "Metadata-Version: 2.1\nNAME:   Zoo_Toys.Extra\nversion: 3\n\nName: another\n"
    (tmp_path / "site-packages" / "zoo_toys-1.2.dist-info" / "METADATA").write_text(written)
    assert plugin_of("zoo-toys-extra").version == "3"


def test_the_old_names_of_specs_go_on_working_and_warn(install, a_model: str) -> None:
    install("zoo-toys", a_model)
    plugin = plugin_of("zoo-toys")
    with pytest.warns(DeprecationWarning, match=r"is now called Plugin\.specs"):
        assert plugin.records is plugin.specs
    with pytest.warns(DeprecationWarning, match="SPECS"):
        assert plugins.RECORDS is plugins.SPECS
    with pytest.warns(DeprecationWarning, match="MOST_SPECS"):
        assert plugins.MOST_RECORDS == plugins.MOST_SPECS


def test_damaged_metadata_of_a_stranger_does_not_hide_the_zoo(install, a_model: str, tmp_path) -> None:
    install("zoo-toys", a_model)
    info = tmp_path / "site-packages" / "stranger-0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_bytes(b"\xff\xfe\x00[zoo]\n= =")
    plugins.forget_plugins()
    assert "toy" in zoo.list_models()


def test_a_name_that_two_plugins_claim_is_an_error_that_lists_both_and_is_decided_by_the_user(
    install, a_model: str
) -> None:
    install("zoo-toys", a_model)
    install("zoo-acme", a_model)
    for distribution, other in (("zoo-toys", "zoo-acme"), ("zoo-acme", "zoo-toys")):
        [fault] = plugin_of(distribution).faults
        assert fault.phase == "names"
        assert f"claims the model name 'toy', and so does {other}" in fault.reason
    assert zoo.list_models("*toy") == ["zoo-acme/toy", "zoo-toys/toy"]
    with pytest.raises(zoo.AmbiguousNameError) as caught:
        zoo.info("toy")
    assert "zoo-acme/toy and zoo-toys/toy" in str(caught.value)
    assert "zoo prefer toy zoo-acme" in str(caught.value)
    assert zoo.info("zoo-toys/toy").name == "toy"

    zoo.prefer("toy", "zoo-toys")
    assert zoo.info("toy") == zoo.info("zoo-toys/toy")
    assert "toy" in zoo.list_models()
    assert plugin_of("zoo-acme").faults == ()
    zoo.prefer("toy", None)
    with pytest.raises(zoo.AmbiguousNameError):
        zoo.info("toy")


def test_an_alias_can_be_contested_as_well(install, a_model: str) -> None:
    install("zoo-toys", a_model)
    install("zoo-acme", a_model.replace('spec("toy")', 'spec("other", aliases=("toy",))'))
    with pytest.raises(zoo.AmbiguousNameError, match="zoo-acme/other and zoo-toys/toy"):
        zoo.info("toy")
    assert zoo.info("other").aliases == ("toy",)


def test_a_preference_for_a_distribution_that_does_not_offer_the_name_is_refused(install, a_model: str) -> None:
    install("zoo-toys", a_model)
    with pytest.raises(zoo.ArgumentError, match="offered by zoo-toys"):
        zoo.prefer("toy", "zoo-acme")


def test_listing_imports_neither_tensorflow_nor_keras_nor_numpy() -> None:
    code = (
        "import sys, zoo; zoo.list_models(weights=True); zoo.list_plugins(); zoo.list_weights(); zoo.list_datasets();"
        "print(sorted({'tensorflow', 'keras', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"

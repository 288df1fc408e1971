"""Names: suggestions, qualified names, aliases, weights tags and filters."""

from __future__ import annotations

import time

import pytest

import zoo
from zoo import registry, settings

WEIGHTS = """
from zoo import WeightsSpec

@hookimpl
def zoo_weights():
    for tag in ("photos", "drawings"):
        yield WeightsSpec("toy50", tag, "/nowhere", "0" * 64, classes=10, summary="")
"""


@pytest.fixture(autouse=True)
def _toys(install, a_model: str) -> None:
    models = 'spec("toy50", aliases=("fifty",)); yield spec("toy_101", task="regression", preprocessing=None)'
    install("zoo-toys", a_model.replace('spec("toy")', models) + WEIGHTS)


@pytest.mark.parametrize("typed", ["toy5O", "TOY50", "toy-50", "toy_50", "toy 50", "tooy50"])
def test_a_misspelt_name_is_answered_with_the_nearest_one(typed: str) -> None:
    with pytest.raises(zoo.UnknownNameError, match="did you mean 'toy50'") as caught:
        zoo.info(typed)
    assert repr(typed) in caught.value.asked


def test_a_name_that_is_near_nothing_is_told_how_to_list() -> None:
    with pytest.raises(zoo.UnknownNameError, match="`zoo list` shows them"):
        zoo.info("qqqqqqq")


def test_an_error_is_a_lookup_error_as_well() -> None:
    with pytest.raises(LookupError):
        zoo.info("qqqqqqq")


@pytest.mark.parametrize("name", ["", None, 50, ["toy50"]])
def test_what_is_no_name_is_refused(name: object) -> None:
    with pytest.raises(zoo.ArgumentError, match="it is not a name"):
        zoo.info(name)  # type: ignore[arg-type]


def test_a_model_is_found_by_name_alias_and_qualified_name_with_and_without_tag() -> None:
    for name in ("toy50", "fifty", "zoo-toys/toy50", "zoo-toys/fifty"):
        for tag in (None, "photos"):
            entry, found = registry.find_model(name + (f".{tag}" if tag else ""))
            assert (entry.qualified, found) == ("zoo-toys/toy50", tag)


def test_a_qualified_name_of_another_distribution_is_unknown() -> None:
    with pytest.raises(zoo.UnknownNameError, match="did you mean 'zoo-toys/toy50'"):
        zoo.info("zoo-toy/toy50")


def test_an_unknown_tag_is_answered_with_those_that_exist() -> None:
    entry, tag = registry.find_model("toy50.fotos")
    with pytest.raises(zoo.UnknownNameError) as caught:
        registry.find_weights(entry, tag)
    assert "has the tags photos, drawings" in str(caught.value)
    assert "did you mean 'photos'" in str(caught.value)


def test_models_are_listed_by_pattern_alias_weights_plugin_and_task() -> None:
    assert zoo.list_models(plugin="toys") == zoo.list_models(plugin="zoo-toys") == ["toy50", "toy_101"]
    assert zoo.list_models("toy*", weights=True) == ["toy50"]
    assert zoo.list_models("toy*", weights=False) == ["toy_101"]
    assert zoo.list_models("fift?") == ["toy50"]
    assert zoo.list_models("zoo-toys/*", task="regression") == ["toy_101"]
    assert zoo.list_weights("toy*") == ["toy50.drawings", "toy50.photos"]


def test_the_models_of_an_unknown_plugin_are_an_error_not_an_empty_list() -> None:
    with pytest.raises(zoo.UnknownNameError, match="did you mean 'zoo-toys'"):
        zoo.list_models(plugin="zoo-toyz")


def test_weights_of_another_plugin_are_found_under_the_model_they_are_for(install) -> None:
    install("zoo-extra", "from zoo import hookimpl\n" + WEIGHTS.replace('"photos", "drawings"', '"x-rays",'))
    entry, tag = registry.find_model("toy50.x-rays")
    assert registry.find_weights(entry, tag).distribution == "zoo-extra"


def test_the_cores_own_datasets_and_strategies_are_listed() -> None:
    assert {"digits", "image_folder", "cifar10", "california_housing", "synthetic_images"} <= set(zoo.list_datasets())
    assert {"full", "last_layers", "head"} <= set(zoo.list_strategies())
    assert zoo.list_strategies("h*") == ["head"]


def test_preferences_are_read_once_for_a_list_however_many_names_are_ambiguous(
    install, a_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = a_model.replace('yield spec("toy")', 'yield from (spec(f"many{number}") for number in range(20))')
    for distribution in ("zoo-many", "zoo-more"):
        install(distribution, many)
    zoo.prefer("many7", "zoo-more")
    reads = []
    monkeypatch.setattr(settings, "preferred", lambda: reads.append(1) or {"many7": "zoo-more"})
    names = zoo.list_models("many*")
    assert (len(names), "many7" in names, "zoo-many/many7" in names) == (40, True, True)
    assert len(reads) == 1
    [faults] = [plugin.faults for plugin in zoo.list_plugins() if plugin.distribution == "zoo-many"]
    assert len(faults) == 19
    assert len(reads) == 2


def test_what_was_looked_up_is_forgotten_with_the_plugins(install, a_model: str) -> None:
    with pytest.raises(zoo.UnknownNameError):
        zoo.info("toy")
    install("zoo-late", a_model)
    assert zoo.info("toy").name == "toy"


def test_names_among_thousands_are_found_without_going_through_them(install, a_model: str) -> None:
    many = a_model.replace('yield spec("toy")', 'yield from (spec(f"many{number}") for number in range(3000))')
    install("zoo-many", many)
    names = zoo.list_models("many*", weights=False)
    start = time.perf_counter()
    assert all(registry.find_model(name)[0].distribution == "zoo-many" for name in names)
    assert len(names) == 3000
    assert time.perf_counter() - start < 2  # going through all of them for each name takes 20 seconds

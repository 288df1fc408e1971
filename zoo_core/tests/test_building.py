"""Building: arguments are checked before anything is built, and the parameter count after."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest

import zoo
from zoo.models.build_info import annotate, build_of

BUILDERS = """
import keras
from keras import layers

def toy(input_shape, classes, include_top, pooling, classifier_activation, width=1, fails=None):
    if fails:
        raise ValueError(fails)
    inputs = keras.Input(input_shape)
    x = layers.GlobalAveragePooling2D()(inputs)
    if include_top:
        x = layers.Dense(classes, classifier_activation, name="predictions", use_bias=False)(x)
    return keras.Model(inputs, x)

def nothing(input_shape, classes, include_top, pooling, classifier_activation):
    return "a model"
"""


@pytest.fixture(autouse=True)
def _toys(install, a_model: str) -> None:
    models = """
    yield spec("toy", min_size=4)
    yield spec("miscounted", parameters=ParameterCount(31))
    yield spec("failing", config={"fails": "no luck"})
    yield spec("nothing", builder="zoo_toys.builders:nothing")
    yield spec("absent", builder="zoo_toys.builders:absent")
    yield spec("nowhere", builder="zoo_nowhere.builders:toy")"""
    install("zoo-toys", a_model.replace('\n    yield spec("toy")', models), builders=BUILDERS)


def test_a_declared_build_is_counted_and_knows_where_it_comes_from() -> None:
    model = zoo.build("toy")
    assert model.count_params() == 30
    known = build_of(model)
    assert known is not None
    assert (known.qualified, known.version) == ("zoo-toys/toy", "1.2")
    assert known.options["classes"] == 10
    assert known.preprocessing == zoo.Preprocessing()


def test_a_wrong_count_is_an_error_that_names_the_plugin_and_both_counts() -> None:
    with pytest.raises(zoo.ParameterCountError, match=r"zoo-toys/miscounted.*30 parameters.*declares 31") as caught:
        zoo.build("miscounted")
    assert "zoo-toys" in caught.value.advice


def test_another_configuration_is_not_held_to_the_declared_count() -> None:
    assert zoo.build("miscounted", classes=7).count_params() == 21
    assert zoo.build("miscounted", include_top=False).count_params() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": 0}, "classes=0: a model has a whole number of classes, 1 or more"),
        ({"classes": -3}, "classes=-3: a model has a whole number of classes, 1 or more"),
        ({"classes": True}, "classes=True: a model has a whole number of classes, 1 or more"),
        ({"classes": 2.5}, "classes=2.5: a model has a whole number of classes, 1 or more"),
        ({"input_shape": (3, 8, 3)}, "the input is too small for the network; the smallest it takes is 4x4"),
        ({"input_shape": (8, 8)}, "this network does not take such an input; pass a shape such as (8, 8, 3)"),
        ({"input_shape": (8, 8, None)}, "this network does not take such an input"),
        ({"input_shape": (-8, 8, 3)}, "this network does not take such an input"),
        ({"input_shape": 8}, "this network does not take such an input"),
        ({"pooling": "avg"}, "pass include_top=False as well"),
        ({"pooling": "mean", "include_top": False}, "pass 'avg', 'max' or None"),
        ({"widht": 2}, "did you mean 'width'?"),
        ({"clases": 2}, "did you mean 'classes'?"),
        ({"colour": 2}, "its options are: width, fails"),
        ({"classes": 1, "classifier_activation": "softmax"}, "its output would always be 1"),
        ({"fails": "bad luck"}, "its builder raised ValueError: bad luck; change the arguments that differ"),
    ],
)
def test_an_argument_that_does_not_fit_is_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(zoo.ArgumentError) as caught:
        zoo.build("toy", **arguments)  # type: ignore[arg-type]
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("failing", "its builder raised ValueError: no luck; tell the authors of zoo-toys"),
        ("nothing", "its builder returned str, not a keras.Model"),
        ("absent", "its builder zoo_toys.builders:absent cannot be imported"),
        ("nowhere", "No module named 'zoo_nowhere'"),
    ],
)
def test_a_builder_that_fails_as_declared_is_the_plugins_fault(name: str, message: str) -> None:
    with pytest.raises(zoo.PluginError) as caught:
        zoo.build(name)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("classes", "passed", "built"),
    [(10, None, "softmax"), (1, None, "sigmoid"), (10, {"classifier_activation": None}, "linear")],
)
def test_the_activation_follows_the_number_of_classes(classes: int, passed: dict | None, built: str) -> None:
    assert zoo.build("toy", classes=classes, **(passed or {})).layers[-1].activation.__name__ == built


def test_a_tag_in_the_name_and_weights_besides_are_refused() -> None:
    with pytest.raises(zoo.ArgumentError, match="pass only one of them"):
        zoo.build("toy.photos", weights="drawings")


def test_what_zoo_knows_of_a_model_can_be_completed_but_only_for_its_own_models() -> None:
    model = zoo.build("toy")
    annotate(model, class_names=tuple("abcdefghij"))
    assert build_of(model).class_names[1] == "b"
    stranger = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    assert build_of(stranger) is None
    with pytest.raises(zoo.ArgumentError, match="not built by Zoo"):
        annotate(stranger, class_names=("a",))


def test_an_unknown_tag_fails_before_anything_is_built(tmp_path: Path) -> None:
    with pytest.raises(zoo.UnknownNameError, match="no plugin offers weights for zoo-toys/miscounted"):
        zoo.build("miscounted.imagenet")

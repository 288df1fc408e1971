"""The official weights that the families list, against keras.applications and torchvision as they are installed."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import pytest

from zoo import registry
from zoo.plugins import load_plugins
from zoo.registry import Entry
from zoo.specs import ModelSpec, WeightsSpec
from zoo.weights import published

FAMILIES = {"zoo-alexnet": 1, "zoo-inception": 8, "zoo-mobilenet": 104, "zoo-resnet": 67, "zoo-vgg": 21}

OFFICIAL: list[tuple[Entry[ModelSpec], WeightsSpec]] = [
    (registry.find_model(f"{plugin.distribution}/{spec.model}")[0], spec)
    for plugin in load_plugins()
    if plugin.distribution in FAMILIES
    for spec in plugin.specs["zoo_weights"]
]


def of(publisher: str) -> list[tuple[ModelSpec, WeightsSpec]]:
    return [(entry.spec, weights) for entry, weights in OFFICIAL if weights.source.startswith(publisher)]


def names(records: list[tuple[ModelSpec, WeightsSpec]]) -> list[str]:
    return [f"{weights.model}.{weights.name}" for _, weights in records]


# -- the records


def test_every_family_lists_as_many_weights_as_are_published() -> None:
    assert Counter(entry.distribution for entry, _ in OFFICIAL) == FAMILIES


def test_tags_and_file_names_are_unique_for_each_model() -> None:
    for key in ("name", "file_name", "source"):
        counts = Counter((weights.model, getattr(weights, key)) for _, weights in OFFICIAL)
        assert [each for each, count in counts.items() if count > 1] == []


def test_every_file_is_fetched_over_https_from_its_publisher() -> None:
    bases = (published.KERAS, published.TORCHVISION, published.TIMM, "https://github.com/fchollet/")
    for _, weights in OFFICIAL:
        assert weights.source.startswith(bases)
        assert re.fullmatch(r"[\w.-]+\.(h5|pth|safetensors)", weights.file_name)


def test_figures_are_shares_of_1_with_their_source_and_only_of_whole_networks() -> None:
    for _, weights in OFFICIAL:
        assert all(0.4 < share < 1 for share in weights.metrics.values())
        assert list(weights.metrics.values()) == sorted(weights.metrics.values())  # top-5 is more than top-1
        assert bool(weights.metrics) == weights.include_top
        assert str(weights.reference).startswith("https://")


def test_every_file_without_a_top_has_a_twin_with_one_by_whose_tag_it_is_found() -> None:
    tags = {(weights.model, weights.name): weights for _, weights in OFFICIAL}
    without = [weights for weights in tags.values() if weights.name.endswith("_notop")]
    assert len(without) == len(published_by_keras()) / 2
    for weights in without:
        twin = tags[weights.model, weights.name.removesuffix("_notop")]
        assert (twin.include_top, weights.include_top) == (True, False)
        assert (twin.input_shape, twin.preprocessing) == (weights.input_shape, weights.preprocessing)


def test_every_model_with_official_weights_has_some_called_imagenet() -> None:
    models = {entry.spec.name for entry, _ in OFFICIAL}
    assert {weights.model for _, weights in OFFICIAL if weights.name == "imagenet"} == models
    bare = {name for name in registry.list_models(task="image-classification") if registry.info(name).classes == 1000}
    assert bare - models == {
        "alexnet_2012",
        "googlenet",
        "mobilenet_v3_large_minimalistic_075",
        "mobilenet_v3_small_minimalistic_075",
    }


def test_a_resolution_in_a_tag_is_the_input_of_the_weights() -> None:
    sizes = {
        weights.name: weights.input_shape for _, weights in OFFICIAL if re.search(r"_\d{2,3}(_notop)?$", weights.name)
    }
    assert {name: shape for name, shape in sizes.items() if "notop" not in name} == {
        f"imagenet_{size}": (size, size, 3) for size in (96, 128, 160, 192)
    }


@pytest.mark.parametrize("publisher", [published.TORCHVISION, published.TIMM])
def test_a_model_with_weights_of_torch_has_a_layout_for_their_names(publisher: str) -> None:
    for model, weights in of(publisher):
        shared = model.builder.startswith(
            ("zoo_resnet", "zoo_inception")
        )  # there timm names layers as torchvision does
        layouts = ("timm",) if publisher == published.TIMM and not shared else ("torchvision",)
        assert any(layout.startswith(layouts) for layout in model.layouts), weights


# -- the names of the classes


def test_the_thousand_class_names_are_unique_and_in_order(shared: Path) -> None:
    class_names = OFFICIAL[0][1].names_of_classes()
    assert len(set(class_names)) == len(class_names) == 1000
    assert {weights.names_of_classes() for _, weights in OFFICIAL} == {class_names}
    numbered = json.loads((shared / "data" / "imagenet_samples" / "class_index.json").read_text())
    for index, name in enumerate(class_names):
        assert name.partition(" (")[0] == numbered[str(index)][1].replace("_", " ")
    assert (class_names[134], class_names[517]) == ("crane (bird)", "crane (machine)")


# -- keras.applications


class _AskedError(Exception):
    """What keras.applications wants to download."""


class _Tensor(SimpleNamespace):
    """Stands for any tensor: a network is put together in no time, and nothing of it is needed but its name."""

    shape = (None, 8, 8, 8)

    def __add__(self, other: Any) -> _Tensor:
        return self

    __radd__ = __mul__ = __rmul__ = __add__


class _Layers:
    def __getattr__(self, name: str) -> Any:
        return lambda *args, **options: _Tensor() if name == "Input" else lambda *tensors: _Tensor()


def published_by_keras() -> list[tuple[ModelSpec, WeightsSpec]]:
    return [*of(published.KERAS), *of("https://github.com/fchollet/")]


def application_of(model: ModelSpec) -> tuple[Any, dict[str, Any]]:
    """The function of keras.applications that builds the same network, and its options."""
    bare = re.sub(r"_\d{3}$", "", model.name).replace("_minimalistic", "").replace("mobilenet_v1", "mobilenet")
    functions = {name.lower(): function for name, function in vars(keras.applications).items()}
    options = {key: model.config[key] for key in ("alpha", "minimalistic") if key in model.config}
    return functions[bare.replace("_", "")], options


@pytest.mark.parametrize(("model", "weights"), of(published.KERAS), ids=names(of(published.KERAS)))
def test_the_file_and_md5_are_those_that_keras_downloads(
    model: ModelSpec, weights: WeightsSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keras.src.applications import inception_v3, mobilenet, mobilenet_v2, mobilenet_v3, resnet, vgg16, vgg19
    from keras.src.utils import file_utils

    def get_file(name: str, origin: str, cache_subdir: str = "", file_hash: str | None = None) -> None:
        raise _AskedError(name, origin, file_hash)

    for module in (inception_v3, mobilenet, mobilenet_v2, mobilenet_v3, resnet, vgg16, vgg19):
        monkeypatch.setattr(module, "layers", _Layers())
        monkeypatch.setattr(module, "Functional", lambda *args, **options: None)
    monkeypatch.setattr(file_utils, "get_file", get_file)
    application, options = application_of(model)
    shape = weights.input_shape or model.input_shape
    with pytest.raises(_AskedError) as asked:
        application(weights="imagenet", include_top=weights.include_top, input_shape=shape, **options)
    assert asked.value.args == (weights.file_name, weights.source, weights.md5)


def test_the_figures_of_mobilenet_v3_are_those_of_its_docstring() -> None:
    rows = re.findall(
        r"mobilenet_v3_(\S+)_224 *\|[^|]+\|[^|]+\| *([\d.]+)", str(keras.applications.MobileNetV3Large.__doc__)
    )
    published_there = {name.replace("_1.0", "").replace("_0.75", "_075"): float(top_1) / 100 for name, top_1 in rows}
    ours = {
        weights.model.removeprefix("mobilenet_v3_"): weights.metrics["top-1"]
        for _, weights in of(published.KERAS)
        if weights.model.startswith("mobilenet_v3") and weights.include_top
    }
    assert ours == pytest.approx(published_there)


def test_the_weights_of_2015_are_not_those_of_today_and_are_called_otherwise() -> None:
    today, until_2019 = of(published.KERAS), of("https://github.com/fchollet/")
    assert names(until_2019) == ["resnet50.imagenet_2015", "resnet50.imagenet_2015_notop"]
    same = {weights.md5 for _, weights in today} & {weights.md5 for _, weights in until_2019}
    assert same == set()
    assert {weights.md5 for _, weights in until_2019} == {
        "a7b3fe01876f51b976af0dea6bc144eb",
        "a268eb855778b3df3c7506639542a6af",
    }


# -- torchvision

TORCHVISION_MODULES = ("alexnet", "vgg", "googlenet", "inception", "resnet", "mobilenetv2", "mobilenetv3")


def torchvision_entries() -> Iterator[dict[str, Any]]:
    """Each entry of torchvision's enumerations of weights, read from their source: importing them takes torch."""
    found = importlib.util.find_spec("torchvision")
    if found is None or not found.submodule_search_locations:
        pytest.skip("no reference: torchvision is not installed")
    folder = Path(found.submodule_search_locations[0]) / "models"
    for module in TORCHVISION_MODULES:
        for node in ast.parse((folder / f"{module}.py").read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and re.fullmatch(r"(?!ResNeXt|Wide).+_Weights", node.name):
                for entry in node.body:
                    if isinstance(entry, ast.Assign) and isinstance(entry.value, ast.Call):
                        yield {word.arg: word.value for word in entry.value.keywords if word.arg}


def described(entry: dict[str, Any]) -> tuple[str, dict[str, Any], dict[str, float]]:
    """The URL, the options of the transforms and the figures of an entry."""
    transforms = {word.arg: ast.literal_eval(word.value) for word in entry["transforms"].keywords if word.arg != "std"}
    meta = {key.value: value for key, value in zip(entry["meta"].keys, entry["meta"].values, strict=True) if key}
    published = ast.unparse(meta["_metrics"])
    figures = {} if "nan" in published else ast.literal_eval(published)
    return ast.literal_eval(entry["url"]), transforms, figures.get("ImageNet-1K", {})


def test_every_file_of_torchvision_is_listed_with_its_figures_and_its_preprocessing() -> None:
    ours = {weights.source: (model, weights) for model, weights in of(published.TORCHVISION)}
    entries = [described(entry) for entry in torchvision_entries()]
    assert ours.keys() == {url for url, _, _ in entries}
    for url, transforms, figures in entries:
        model, weights = ours[url]
        assert weights.metrics == {
            f"top-{rank}": pytest.approx(figures[f"acc@{rank}"] / 100, abs=1e-6) for rank in (1, 5) if figures
        }
        preprocessing = weights.preprocessing or model.preprocessing
        assert preprocessing is not None
        crop, resize = transforms["crop_size"], transforms.get("resize_size", 256)
        assert crop == model.input_shape[0]
        assert round(crop / preprocessing.crop_fraction) == resize
        assert preprocessing.interpolation == "bilinear"
        if model.preprocessing is None or "inception" not in model.builder:  # whose input is transformed once more
            mean = transforms.get("mean", (0.485, 0.456, 0.406))
            assert (preprocessing.scale, preprocessing.mean) == (1 / 255, mean)

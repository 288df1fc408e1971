"""The places where Zoo 0.1 kept its public names still work in this release, and warn with the new place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import zoo
from zoo import _moved
from zoo.models.load_report import LoadReport

#: Every public name of Zoo 0.1: what each of its modules defined, and what its packages exported. The modules of the
#: command line are left out: nothing outside could use them, because Zoo 0.1 had no hook for commands.
PUBLIC_NAMES = Path(__file__).parent / "written_by_0_1" / "public_names.txt"

#: Imports each name from its old place twice, and prints what became of it and the warnings that it gave.
IMPORT_ALL = """
import importlib, json, sys, warnings
answers = {}
for module, name in json.load(sys.stdin):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        today = importlib.import_module(module)
        stays = name in vars(today) or name in getattr(today, "__all__", ())
        for _ in range(2):
            scope = {}
            try:
                exec(f"from {module} import {name}", scope)
            except ImportError as error:
                scope = {name: error}
    texts = [str(each.message) for each in caught if issubclass(each.category, DeprecationWarning)]
    places = [each.filename for each in caught if issubclass(each.category, DeprecationWarning)]
    failed = isinstance(scope[name], ImportError)
    answers[f"{module}.{name}"] = [not failed, stays, [text for text in texts if text.startswith("zoo")], places]
print(json.dumps(answers))
"""

#: A plugin as it was written for Zoo 0.1.
PLUGIN = {
    "plugin.py": """
from zoo.hookspecs import hookimpl
from zoo.published import imagenet, photograph
from zoo.specs import DatasetSpec, ModelSpec, ParameterCount, Preprocessing, StrategySpec, WeightFormatSpec

@hookimpl
def zoo_models():
    yield ModelSpec(
        name="old_net", builder="acme_zoo.builders:old_net", input_shape=(8, 8, 1), classes=10,
        summary="an old network", parameters=ParameterCount(345), config={"filters": 5},
        preprocessing=Preprocessing(resize="squeeze", channels="grey", scale=1 / 255),
    )

@hookimpl
def zoo_weights():
    yield imagenet("old_net", "big", "https://example.org/big.h5", (70.0, 90.0), preprocessing=photograph(0.9))

@hookimpl
def zoo_datasets():
    yield DatasetSpec(
        name="bars", loader="acme_zoo.data:bars", task="image-classification", classes=2, summary="two kinds of bars"
    )

@hookimpl
def zoo_strategies():
    yield StrategySpec(name="twice", phases="acme_zoo.strategies:twice", summary="the head, then everything")

@hookimpl
def zoo_weight_formats():
    yield WeightFormatSpec(name="acme", reader="acme_zoo.formats:read", magic=b"ACME", summary="text")
""",
    "builders.py": """
from keras import Model, layers
from zoo.building import build_of
from zoo.heads import classifier, pooled_features

def old_net(input_shape, classes, include_top, pooling, classifier_activation, *, filters):
    inputs = layers.Input(input_shape)
    features = layers.Conv2D(filters, 3, padding="same", name="conv")(inputs)
    features = layers.Conv2D(filters * 3, 3, padding="same", use_bias=False, groups=filters, name="wide")(features)
    if not include_top:
        return Model(inputs, pooled_features(features, pooling))
    model = Model(inputs, classifier(pooled_features(features, "avg"), classes, classifier_activation))
    assert build_of(model) is None
    return model
""",
    "data.py": """
import numpy as np
from zoo.data import Dataset, Split
from zoo.data.datasets import Split as SameSplit

def bars(seed=0, **_):
    assert SameSplit is Split
    images = np.zeros((40, 8, 8, 1), np.uint8)
    images[::2, 4], images[1::2, :, 4] = 255, 255
    labels = np.arange(40) % 2
    return Dataset(
        name="bars", task="image-classification", class_names=("lying", "standing"),
        train=Split(images[:30], labels[:30]), validation=Split(images[30:], labels[30:]),
    )
""",
    "strategies.py": """
from zoo.transfer import ALL, Phase

def twice(model, *, epochs, learning_rate):
    rate = learning_rate or 0.01
    return [Phase("head", ("predictions",), 1, rate), Phase("everything", ALL, epochs, rate / 10)]
""",
    "formats.py": """
import numpy as np
from zoo.weights.formats import StoredArray, WeightFile

def read(path):
    arrays = []
    for line in path.read_text().splitlines()[1:]:
        name, shape, value = line.split()
        shape = tuple(int(size) for size in shape.split("x"))
        layer, variable = name.split("/")
        filled = lambda shape=shape, value=value: np.full(shape, float(value), "float32")
        arrays.append(StoredArray(name, layer, variable, shape, "float32", filled))
    return WeightFile("acme", tuple(arrays))
""",
}

#: What a person does with that plugin, in a script of that time.
USE = """
import json, sys
from pathlib import Path
import keras
import zoo
from zoo.building import build_of
from zoo.weights.formats import open_weights

plugin = next(each for each in zoo.list_plugins() if each.distribution == "acme-zoo")
try:
    zoo.build("no_such_network")
except zoo.ContestedNameError:
    raise SystemExit("an unknown name is no contested one")
except zoo.UnknownNameError:
    pass
model = zoo.build("old_net")
lines = [f"{each.path.partition('/')[2] and each.path} {'x'.join(map(str, each.shape))} 0.5" for each in model.weights]
Path("weights.acme").write_text("ACME\\n" + "\\n".join(lines))
report = zoo.load_weights(model, "weights.acme")
run = zoo.transfer("old_net", "bars", "twice", epochs=2, seed=1, progress=False)
print(json.dumps({
    "faults": [str(each) for each in plugin.faults],
    "listed": [zoo.list_models(plugin="acme-zoo"), "twice" in zoo.list_strategies(), "bars" in zoo.list_datasets()],
    "weights": [str(each) for each in zoo.list_weights()],
    "resize": build_of(model).preprocessing.resize,
    "format": report.format,
    "initial": len(report.initial) + len(report.unused),
    "kernel": float(keras.ops.min(model.get_layer("conv").kernel)),
    "phases": [each["phase"] for each in run.history],
    "recall": dict(run.metrics.per_class) == dict(run.metrics.recall),
}))
"""

#: For each old name: whether it can be imported, whether its module still has it, the warnings, and whom they point to.
Answers = dict[str, tuple[bool, bool, list[str], list[str]]]


def in_a_new_process(code: str, *, stdin: str = "", cwd: Path, path: Path | None = None) -> tuple[Any, str]:
    """Return the JSON on the last line that ``code`` prints, and what it writes to stderr."""
    environment = dict(os.environ)
    if path is not None:
        environment["PYTHONPATH"] = os.pathsep.join([str(path), *filter(None, [environment.get("PYTHONPATH")])])
    command = [sys.executable, "-W", "default::DeprecationWarning", "-c", code]
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, cwd=cwd, env=environment, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def public_names() -> list[tuple[str, str]]:
    lines = PUBLIC_NAMES.read_text(encoding="utf-8").replace("\n    ", " ").splitlines()
    split = [line.partition(":")[::2] for line in lines]
    return [(module, name) for module, names in split for name in names.split()]


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    moved = ((module, name) for module, each in _moved.NAMES.items() for name in each)
    names = sorted({*public_names(), *moved})
    answers, _ = in_a_new_process(IMPORT_ALL, stdin=json.dumps(names), cwd=tmp_path_factory.mktemp("elsewhere"))
    return {name: tuple(answer) for name, answer in answers.items()}  # type: ignore[misc]


def test_every_public_name_of_zoo_0_1_can_be_imported_from_its_old_place(
    imported: Answers,
) -> None:
    assert len(public_names()) > 500
    assert [name for name, (works, *_) in imported.items() if not works] == []


def test_a_name_that_has_moved_warns_once_with_the_new_place(
    imported: Answers,
) -> None:
    wrong = {}
    for name, (_, stays, said, places) in imported.items():
        starts = f"{name} is now zoo."
        if len(said) != (not stays) or not all(text.startswith(starts) for text in said) or set(places) - {"<string>"}:
            wrong[name] = (said, places)
    assert wrong == {}


@pytest.mark.parametrize(
    ("module", "name", "home", "new"),
    [
        ("zoo.heads", "classifier", "zoo.layers.heads", "classifier"),
        ("zoo.building", "build_of", "zoo.models.build_info", "build_of"),
        ("zoo.published", "imagenet", "zoo.weights.published", "imagenet"),
        ("zoo", "ContestedNameError", "zoo.errors", "AmbiguousNameError"),
        ("zoo.transfer.caching", "Features", "zoo.transfer.feature_cache", "FeatureStore"),
    ],
)
def test_the_warning_names_the_new_place(imported: Answers, module: str, name: str, home: str, new: str) -> None:
    expected = f"{module}.{name} is now {home}.{new}; the old name will be removed in the next release"
    assert imported[f"{module}.{name}"][2] == [expected]


def test_a_name_that_never_was_is_an_ordinary_attribute_error() -> None:
    import zoo.heads as old  # type: ignore[import-not-found]

    with pytest.raises(AttributeError, match=r"module 'zoo\.heads' has no attribute 'clasifier'"):
        _ = old.clasifier
    with pytest.raises(AttributeError, match=r"module 'zoo' has no attribute 'bulid'"):
        _ = zoo.bulid  # type: ignore[attr-defined]


def test_a_plugin_written_for_zoo_0_1_installs_lists_builds_and_trains(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    package, info = site / "acme_zoo", site / "acme_zoo-0.1.dist-info"
    for folder in (package, info):
        folder.mkdir(parents=True)
    (package / "__init__.py").touch()
    for file, code in PLUGIN.items():
        (package / file).write_text(code, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-zoo\nVersion: 0.1\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[zoo]\nacme = acme_zoo.plugin\n", encoding="utf-8")

    found, stderr = in_a_new_process(USE, cwd=tmp_path, path=site)
    assert found["faults"] == []
    assert found["listed"] == [["old_net"], True, True]
    assert "old_net.big" in found["weights"]
    assert found["resize"] == "squash"
    assert (found["format"], found["initial"], found["kernel"]) == ("acme", 0, 0.5)
    assert found["phases"] == ["head", "everything", "everything"]
    assert found["recall"] is True
    for told in (
        "zoo.published.imagenet is now zoo.weights.published.imagenet",
        "zoo.heads.classifier is now zoo.layers.heads.classifier",
        "zoo.building.build_of is now zoo.models.build_info.build_of",
        "resize='squeeze' is now called resize='squash'",
        "LoadReport.initial is now LoadReport.missing",
        "Metrics.per_class is now Metrics.recall",
    ):
        assert told in stderr


def test_the_old_fields_of_a_load_report_return_the_new_ones_and_warn() -> None:
    report = LoadReport("a.h5", "Keras 3 HDF5", "own", "", None, (), (), (("predictions/bias", "is new"),), ("fc/b",))
    with pytest.warns(DeprecationWarning, match=r"LoadReport\.initial is now LoadReport\.missing") as caught:
        assert report.initial == (("predictions/bias", "is new"),)
    assert Path(caught[0].filename) == Path(__file__)
    with pytest.warns(DeprecationWarning, match=r"LoadReport\.unused is now LoadReport\.unexpected"):
        assert report.unused == ("fc/b",)


def test_the_old_recall_of_metrics_returns_the_new_one_and_warns() -> None:
    metrics = zoo.Metrics("image-classification", "test", 4, 0.5, recall={"cat": 0.75})
    with pytest.warns(DeprecationWarning, match=r"Metrics\.per_class is now Metrics\.recall") as caught:
        assert metrics.per_class == {"cat": 0.75}
    assert Path(caught[0].filename) == Path(__file__)

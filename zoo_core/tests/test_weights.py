"""Weights: every format loads by name, what does not fit is refused, and a refusal leaves the model as it was."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import safetensors.numpy
from keras import layers

import zoo
from zoo import plugins
from zoo.weights.matching import targets_of

BUILDERS = """
import keras
from keras import layers

def toy(input_shape, classes, include_top, pooling, classifier_activation):
    inputs = keras.Input(input_shape)
    x = layers.Conv2D(4, 3, name="stem_conv")(inputs)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise", use_bias=False)(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(5, name="hidden")(x)
    if include_top:
        x = layers.Dense(classes, classifier_activation, name="predictions")(x)
    return keras.Model(inputs, x)
"""

LAYOUTS = """
def torch(layer):
    names = {"stem_conv": "stem.0", "stem_bn": "stem.1", "depthwise": "dw", "hidden": "fc.0", "predictions": "fc.1"}
    return names[layer]

def other(layer):
    return layer.replace("stem_", "first_")
"""


@pytest.fixture(autouse=True)
def _toys(install, a_model: str, tmp_path: Path) -> None:
    declared = (
        'spec("toy", input_shape=(6, 7, 3), parameters=ParameterCount(505, 497),'
        ' layouts={"torch": "zoo_toys.layouts:torch", "other": "zoo_toys.layouts:other"})'
    )
    install("zoo-toys", a_model.replace('spec("toy")', declared), builders=BUILDERS)
    (tmp_path / "site-packages" / "zoo_toys" / "layouts.py").write_text(LAYOUTS)


def toy(**arguments: object) -> keras.Model:
    return zoo.build("toy", **arguments)  # type: ignore[arg-type]


def values(model: keras.Model) -> dict[str, np.ndarray]:
    return {target.name: keras.ops.convert_to_numpy(target.variable) for target in targets_of(model)}


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


@pytest.fixture
def trained() -> keras.Model:
    """A toy whose every value is different, moving statistics included."""
    model = toy()
    generator = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(generator.uniform(0.1, 1.0, weight.shape))
    return model


def write_safetensors(model: keras.Model, path: Path, rename: Callable[[str], str] = str) -> None:
    safetensors.numpy.save_file({rename(name): value for name, value in values(model).items()}, path)


def write_torch(model: keras.Model, path: Path, prefix: str = "") -> None:
    """Write the file that torch would write for the same network, from the definition of its layouts."""
    v = values(model)
    height, width, channels = 2, 3, 8  # of the feature maps that are flattened
    dense = v["hidden/kernel"].reshape(height, width, channels, 5).transpose(3, 2, 0, 1).reshape(5, -1)
    arrays = {
        "stem.0.weight": v["stem_conv/kernel"].transpose(3, 2, 0, 1),
        "stem.0.bias": v["stem_conv/bias"],
        "stem.1.weight": v["stem_bn/gamma"],
        "stem.1.bias": v["stem_bn/beta"],
        "stem.1.running_mean": v["stem_bn/moving_mean"],
        "stem.1.running_var": v["stem_bn/moving_variance"],
        "stem.1.num_batches_tracked": np.array(7),
        "dw.weight": v["depthwise/kernel"].transpose(2, 3, 0, 1).reshape(8, 1, 3, 3),
        "fc.0.weight": dense,
        "fc.0.bias": v["hidden/bias"],
        "fc.1.weight": v["predictions/kernel"].T,
        "fc.1.bias": v["predictions/bias"],
    }
    safetensors.numpy.save_file({prefix + k: np.ascontiguousarray(a) for k, a in arrays.items()}, path)


def write_legacy(model: keras.Model, path: Path, rename: Callable[[str], str] = str, suffix: str = ":0") -> None:
    """Write a weights file as Keras 2 did."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [rename(layer.name).encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(rename(layer.name))
            names = [f"{rename(layer.name)}/{weight.name}{suffix}" for weight in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, weight in zip(names, layer.weights, strict=True):
                group[name] = keras.ops.convert_to_numpy(weight)


WRITERS: dict[str, tuple[str, Callable[[keras.Model, Path], None], str, str]] = {
    "Keras 3 archive": ("m.keras", lambda m, p: m.save(p), "Keras 3 archive", "own"),
    "Keras 3 weights": ("m.weights.h5", lambda m, p: m.save_weights(p), "Keras 3 HDF5", "own"),
    "whole model in HDF5": ("m.h5", lambda m, p: m.save(p), "legacy Keras HDF5", "own"),
    "legacy weights": ("m.h5", write_legacy, "legacy Keras HDF5", "own"),
    "legacy weights, other names": (
        "m.h5",
        lambda m, p: write_legacy(m, p, lambda name: name.replace("stem_", "first_")),
        "legacy Keras HDF5",
        "other",
    ),
    "safetensors, own names": ("m.safetensors", write_safetensors, "safetensors", "own"),
    "safetensors, torch names": ("m.safetensors", write_torch, "safetensors", "torch"),
    "safetensors, torch DataParallel": (
        "m.safetensors",
        lambda m, p: write_torch(m, p, "module."),
        "safetensors",
        "torch",
    ),
    "the wrong suffix": ("m.h5", lambda m, p: write_torch(m, p), "safetensors", "torch"),
}


@pytest.mark.parametrize(("name", "write", "form", "layout"), WRITERS.values(), ids=WRITERS)
@pytest.mark.filterwarnings("ignore")
def test_every_format_loads_by_name_into_an_equal_model(
    tmp_path: Path, trained: keras.Model, name: str, write: Callable, form: str, layout: str
) -> None:
    path = tmp_path / name
    write(trained, path)
    model = toy()
    report = zoo.load_weights(model, path)
    assert same(values(model), values(trained))
    assert (report.format, report.layout) == (form, layout)
    assert set(report.loaded) == set(values(model))
    assert report.missing == report.unexpected == ()
    kernels = {"stem_conv/kernel", "depthwise/kernel", "hidden/kernel", "predictions/kernel"}
    assert {adapted for adapted, _ in report.adapted} == (kernels if layout == "torch" else set())
    assert json.loads(json.dumps(report.as_dict()))["sha256"] == report.sha256


def test_the_order_of_layers_in_a_file_does_not_matter_only_their_names(tmp_path: Path) -> None:
    def twins(names: list[str]) -> keras.Model:
        return keras.Sequential([keras.Input((3,)), *(layers.Dense(3, name=name) for name in names)])

    one, other = twins(["a", "b"]), twins(["b", "a"])
    write_legacy(one, tmp_path / "m.h5")
    zoo.load_weights(other, tmp_path / "m.h5")
    assert same(values(one), values(other))


def test_nested_models_load_by_the_names_of_their_inner_layers(tmp_path: Path, trained: keras.Model) -> None:
    inputs = keras.Input((6, 7, 3))
    nested = keras.Model(inputs, toy(include_top=False)(inputs))
    bare = toy(include_top=False)
    zoo.load_weights(bare, _saved(trained, tmp_path))
    bare.save_weights(tmp_path / "bare.weights.h5")
    zoo.load_weights(nested, tmp_path / "bare.weights.h5")
    assert same(values(nested), values(bare))


def _saved(model: keras.Model, tmp_path: Path) -> Path:
    path = tmp_path / "saved.safetensors"
    write_safetensors(model, path)
    return path


def test_another_number_of_classes_keeps_the_backbone_and_says_so(
    tmp_path: Path, trained: keras.Model, caplog: pytest.LogCaptureFixture
) -> None:
    model = toy(classes=4)
    before = values(model)
    report = zoo.load_weights(model, _saved(trained, tmp_path))
    after, source = values(model), values(trained)
    for name in after:
        assert np.array_equal(after[name], before[name] if name.startswith("predictions") else source[name])
    assert report.missing[0] == ("predictions/kernel", "has the shape (5, 4) in the model and (5, 10) in the file")
    assert set(report.unexpected) == {"predictions/kernel", "predictions/bias"}
    assert "left at its initial value: predictions/bias" in str(report)
    assert "the head is left at its initial values (predictions)" in caplog.text


def test_a_new_head_can_be_asked_for(tmp_path: Path, trained: keras.Model) -> None:
    model = toy()
    before = values(model)["predictions/kernel"]
    report = zoo.load_weights(model, _saved(trained, tmp_path), head="new")
    assert np.array_equal(values(model)["predictions/kernel"], before)
    assert report.missing[0] == ("predictions/kernel", "a new head was asked for")
    with pytest.raises(zoo.ArgumentError, match="pass 'auto' or 'new'"):
        zoo.load_weights(model, _saved(trained, tmp_path), head="old")  # type: ignore[arg-type]


def test_a_model_without_top_leaves_the_head_of_the_file_unused(tmp_path: Path, trained: keras.Model) -> None:
    report = zoo.load_weights(toy(include_top=False), _saved(trained, tmp_path))
    assert set(report.unexpected) == {"predictions/kernel", "predictions/bias"}


def _changed(change: Callable[[dict[str, np.ndarray]], None]) -> Callable[[keras.Model, Path], None]:
    def write(model: keras.Model, path: Path) -> None:
        arrays = values(model)
        change(arrays)
        safetensors.numpy.save_file(arrays, path)

    return write


MISFITS: dict[str, tuple[Callable[[keras.Model, Path], None], str]] = {
    "a missing array": (
        _changed(lambda a: a.pop("stem_bn/gamma")),
        "stem_bn/gamma (4,) has no array in the file",
    ),
    "an array too many": (
        _changed(lambda a: a.update({"tail/kernel": np.zeros((1,), "float32")})),
        "tail/kernel (1,) of the file belongs to no variable of the model",
    ),
    "another shape": (
        _changed(lambda a: a.update({"hidden/kernel": np.zeros((47, 5), "float32")})),
        "hidden/kernel has the shape (48, 5) in the model and (47, 5) in the file",
    ),
    "a transposed kernel": (
        _changed(lambda a: a.update({"hidden/kernel": np.ascontiguousarray(a["hidden/kernel"].T)})),
        "hidden/kernel has the shape (48, 5) in the model and (5, 48) in the file",
    ),
    "whole numbers": (
        _changed(lambda a: a.update({"hidden/bias": np.zeros(5, "int32")})),
        "hidden/bias (5,) would get i32 values",
    ),
    "other names altogether": (
        lambda m, p: write_safetensors(m, p, lambda name: "x" + name),
        "stem_conv/kernel (3, 3, 3, 4) has no array in the file",
    ),
    "swapped names of equal shapes, one missing": (
        _changed(lambda a: a.update({"stem_bn/offset": a.pop("stem_bn/beta")})),
        "stem_bn/beta (4,) has no array in the file",
    ),
}


@pytest.mark.parametrize(("write", "difference"), MISFITS.values(), ids=MISFITS)
def test_what_does_not_fit_outside_the_head_is_refused_and_the_model_stays_as_it_was(
    tmp_path: Path, trained: keras.Model, write: Callable, difference: str
) -> None:
    path = tmp_path / "m.safetensors"
    write(trained, path)
    model = toy()
    before = values(model)
    with pytest.raises(zoo.WeightsMismatchError) as caught:
        zoo.load_weights(model, path)
    assert difference in str(caught.value)
    assert str(path) in caught.value.asked
    assert same(values(model), before)


def _bytes(content: bytes) -> Callable[[Path, keras.Model], None]:
    return lambda path, model: path.write_bytes(content)


def _truncated_hdf5(path: Path, model: keras.Model) -> None:
    write_legacy(model, path)
    path.write_bytes(path.read_bytes()[:-2000])


def _truncated_safetensors(path: Path, model: keras.Model) -> None:
    write_safetensors(model, path)
    path.write_bytes(path.read_bytes()[:-7])


def _external_link(path: Path, model: keras.Model) -> None:
    write_legacy(model, path.with_name("other.h5"))
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"stem_conv"]
        file["stem_conv"] = h5py.ExternalLink("other.h5", "/stem_conv")


def _soft_link(path: Path, model: keras.Model) -> None:
    write_legacy(model, path)
    with h5py.File(path, "a") as file:
        del file["hidden/hidden/bias:0"]
        file["hidden/hidden/bias:0"] = h5py.SoftLink("/stem_conv/stem_conv/bias:0")


def _external_storage(path: Path, model: keras.Model) -> None:
    secret = path.with_name("secret.txt")
    secret.write_bytes(b"s" * 20)
    write_legacy(model, path)
    with h5py.File(path, "a") as file:
        del file["hidden/hidden/bias:0"]
        file["hidden/hidden"].create_dataset("bias:0", (5,), "f4", external=[(str(secret), 0, 20)])


def _virtual(path: Path, model: keras.Model) -> None:
    write_legacy(model, path.with_name("other.h5"))
    write_legacy(model, path)
    layout = h5py.VirtualLayout((5,), "f4")
    layout[:] = h5py.VirtualSource(str(path.with_name("other.h5")), "hidden/hidden/bias:0", (5,))
    with h5py.File(path, "a") as file:
        del file["hidden/hidden/bias:0"]
        file["hidden/hidden"].create_virtual_dataset("bias:0", layout)


def _declares_gigabytes(path: Path, model: keras.Model) -> None:
    write_legacy(model, path)
    with h5py.File(path, "a") as file:
        del file["hidden/hidden/bias:0"]
        file["hidden/hidden"].create_dataset("bias:0", (1_000_000_000,), "f4")


def _zip_without_model(path: Path, model: keras.Model) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")


def _nameless(path: Path, model: keras.Model) -> None:
    model.save_weights(path.with_name("m.weights.h5"))
    path.with_name("m.weights.h5").rename(path)
    with h5py.File(path, "a") as file:
        del file["layers/dense/vars"].attrs["name"]


UNREADABLE: dict[str, tuple[Callable[[Path, keras.Model], None], str]] = {
    "an empty file": (_bytes(b""), "the file is empty"),
    "a web page": (_bytes(b"\n<!DOCTYPE html><title>404</title>"), "it is a web page (HTML)"),
    "a Git LFS pointer": (_bytes(b"version https://git-lfs.github.com/spec/v1\n"), "it is a Git LFS pointer"),
    "a pickle": (_bytes(pickle.dumps({"a": 1})), "it is a Python pickle, which can run code"),
    "a JPEG": (_bytes(b"\xff\xd8\xff\xe0" + b"0" * 99), "its format is unknown"),
    "a truncated .h5": (_truncated_hdf5, "the file is damaged or cut short"),
    "a truncated .safetensors": (_truncated_safetensors, "the file is damaged or cut short"),
    "a damaged zip": (_bytes(b"PK\x03\x04" + b"\0" * 64), "the file is damaged or cut short"),
    "a zip without a model": (_zip_without_model, "which has model.weights.h5"),
    "an .h5 of something else": (lambda p, m: h5py.File(p, "w").close(), "not of a Keras model"),
    "an external link": (_external_link, "is a link, which is not followed"),
    "a soft link": (_soft_link, "is a link, which is not followed"),
    "external storage": (_external_storage, "is in another file, which is not read"),
    "a virtual dataset": (_virtual, "is in another file, which is not read"),
    "a shape bomb": (_declares_gigabytes, "declares 4,000,000,000 bytes, but the file has 0"),
    "no layer names": (_nameless, "it has no layer names"),
}


@pytest.mark.parametrize(("write", "found"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_is_damaged_unsafe_or_something_else_is_refused_with_the_reason(
    tmp_path: Path, trained: keras.Model, write: Callable, found: str
) -> None:
    path = tmp_path / "weights.h5"
    write(path, trained)
    model = toy()
    before = values(model)
    with pytest.raises(zoo.WeightsFileError) as caught:
        zoo.load_weights(model, path)
    assert found in str(caught.value)
    assert str(path) in caught.value.asked
    assert same(values(model), before)


def test_a_failing_read_of_the_last_array_leaves_the_model_as_it_was(tmp_path: Path, trained: keras.Model) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w"):
        pass
    write_legacy(trained, path)
    with h5py.File(path, "a") as file:  # a checksum that will not match
        del file["predictions/predictions/bias:0"]
        data = file["predictions/predictions"].create_dataset(
            "bias:0", data=np.ones(10, "f4"), chunks=(10,), fletcher32=True
        )
        offset = data.id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[offset] ^= 0xFF
    path.write_bytes(content)
    model = toy()
    before = values(model)
    with pytest.raises(zoo.WeightsFileError, match="predictions/bias cannot be read"):
        zoo.load_weights(model, path)
    assert same(values(model), before)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("/nowhere/weights.h5", "there is no file /nowhere/weights.h5"),
        (".", "is not a file"),
        ("imagenet", "no plugin offers weights for zoo-toys/toy"),
    ],
)
def test_a_source_that_is_neither_tag_nor_file_is_named(source: str, message: str) -> None:
    with pytest.raises(zoo.ZooError) as caught:
        zoo.build("toy", weights=source)
    assert message in str(caught.value)


WEIGHTS = """
from zoo import WeightsSpec

@hookimpl
def zoo_weights():
    yield WeightsSpec("toy", "letters", {path!r}, sha256={digest!r}, classes=10, summary="",
        class_names=tuple("abcdefghij"), preprocessing=Preprocessing(scale=0.5))
"""


@pytest.fixture
def tagged(tmp_path: Path, trained: keras.Model, install) -> Path:
    """A weights file that a plugin offers as ``toy.letters``."""
    path = _saved(trained, tmp_path)
    report = zoo.load_weights(toy(), path)
    code = "from zoo import Preprocessing, hookimpl\n" + WEIGHTS.format(path=str(path), digest=report.sha256)
    install("zoo-letters", code)
    return path


def test_a_tag_brings_its_weights_class_names_and_preprocessing(tagged: Path, trained: keras.Model) -> None:
    from zoo.models.build_info import build_of

    for model in (zoo.build("toy.letters"), zoo.build("toy", weights="letters"), zoo.build("toy", weights=str(tagged))):
        assert same(values(model), values(trained))
        known = build_of(model)
        assert known.class_names == tuple("abcdefghij")
        assert known.preprocessing.scale == 0.5
        assert known.report.tag == "letters"
    assert build_of(zoo.build("toy.letters", classes=3)).class_names == ()


def test_a_tag_whose_file_was_changed_is_refused(tagged: Path) -> None:
    content = bytearray(tagged.read_bytes())
    content[-1] ^= 1
    tagged.write_bytes(content)
    with pytest.raises(zoo.WeightsFileError, match="but its tag gives"):
        zoo.build("toy.letters")
    tagged.unlink()
    plugins.forget_plugins()
    with pytest.raises(zoo.WeightsFileError, match="is missing"):
        zoo.build("toy.letters")


def test_weights_are_verified_whole(tagged: Path, tmp_path: Path) -> None:
    from zoo.weights import verify

    assert verify("toy.letters").report.tag == "letters"
    assert len(verify(str(tagged), model="toy").report.loaded) == 11
    with pytest.raises(zoo.ArgumentError, match="the name has no weights tag"):
        verify("toy")
    write_safetensors(toy(classes=3), tmp_path / "three.safetensors")
    with pytest.raises(zoo.WeightsFileError, match="the file has no array of the right shape for predictions/kernel"):
        verify(str(tmp_path / "three.safetensors"), model="toy")


def test_a_further_format_is_read_through_its_plugin(install, tmp_path: Path, trained: keras.Model) -> None:
    install(
        "zoo-npy",
        "from zoo import WeightFormatSpec, hookimpl\n"
        "@hookimpl\n"
        "def zoo_weight_formats():\n"
        "    yield WeightFormatSpec('toyfile', 'zoo_npy_reader:read', b'TOY!', 'made up')\n",
    )
    reader = (
        "import numpy as np\n"
        "from zoo.weights.formats import StoredArray, WeightFile\n"
        "def read(path):\n"
        "    arrays = np.load(path.with_suffix('.npz'))\n"
        "    return WeightFile('toyfile', tuple(\n"
        "        StoredArray(n, *n.split('/'), arrays[n].shape, str(arrays[n].dtype), lambda n=n: arrays[n])\n"
        "        for n in arrays))\n"
    )
    (tmp_path / "site-packages" / "zoo_npy_reader.py").write_text(reader)
    (tmp_path / "m.toy").write_bytes(b"TOY!")
    np.savez(tmp_path / "m.npz", **values(trained))
    model = toy()
    assert zoo.load_weights(model, tmp_path / "m.toy").format == "toyfile"
    assert same(values(model), values(trained))

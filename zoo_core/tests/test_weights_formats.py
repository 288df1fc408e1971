"""Formats of weight files: each loads to the last bit, lazily, runs no code, reads no other file, takes no memory."""

from __future__ import annotations

import json
import pickle
import resource
import shutil
import sys
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import safetensors.numpy

import zoo
from zoo.weights.formats import files_of, open_weights

sys.path.insert(0, str(Path(__file__).parent))
from weight_files import WRITERS, values_of, write_checkpoint, write_legacy, write_tfjs, write_torch

sys.path.pop(0)

pytestmark = pytest.mark.filterwarnings("ignore")


@cache
def trained() -> keras.Model:
    model = zoo.build("small_convnet")
    for number, weight in enumerate(model.weights):
        weight.assign(np.random.default_rng(number).normal(size=weight.shape))
    return model


def is_loaded(path: Path) -> bool:
    """Return whether ``path`` gives a new model the outputs of the trained one, to the last bit."""
    model = zoo.build("small_convnet")
    zoo.load_weights(model, path)
    images = np.random.default_rng(0).normal(size=(2, *model.input_shape[1:])).astype("float32")
    return np.array_equal(model(images), trained()(images)) and equal(values_of(model), values_of(trained()))


def equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def read(path: Path) -> dict[str, np.ndarray]:
    with open_weights(path) as file:
        return {array.name: array.read() for array in file.arrays}


# -- every format


@pytest.mark.parametrize("form", [form for form in WRITERS if not form.startswith("torch")])
def test_every_format_loads_to_the_last_bit(form: str, tmp_path: Path) -> None:
    name, write, called = WRITERS[form]
    write(tmp_path / name, trained())
    assert is_loaded(tmp_path / name)
    with open_weights(tmp_path / name) as file:
        assert file.format == called
        for array in file.arrays:
            values = array.read()
            assert values.shape == array.shape
            assert values.dtype.name == {"f32": "float32"}.get(array.dtype, array.dtype)
            assert values.ctypes.data % 64 == 0


@pytest.mark.parametrize("form", ["torch", "torch legacy"])
@pytest.mark.parametrize("nested", [None, "state_dict", "model"])
def test_torch_files_hold_a_state_dict_alone_or_among_other_things(
    form: str, nested: str | None, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch")
    state = {name.replace("/", "."): torch.from_numpy(value) for name, value in values_of(trained()).items()}
    content = {nested: state, "epoch": 3, "loss": 0.5} if nested else state
    torch.save(content, tmp_path / "m.pth", _use_new_zipfile_serialization=form == "torch")
    assert equal(read(tmp_path / "m.pth"), {name.replace("/", "."): v for name, v in values_of(trained()).items()})


def test_without_torch_its_files_name_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.pth").write_bytes(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(zoo.WeightsFileError, match=r"pip install 'zoo-core\[torch\]', or convert the file"):
        open_weights(tmp_path / "m.pth")


@pytest.mark.parametrize("given", ["m.ckpt", "m.ckpt.index", ".", "checkpoint"])
def test_a_checkpoint_is_known_by_prefix_index_folder_or_record(given: str, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "m.ckpt", trained())
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "/where/it/was/written/m.ckpt"\n')
    assert is_loaded(tmp_path / given)
    assert files_of(tmp_path / given) == (tmp_path / "m.ckpt.index", tmp_path / "m.ckpt.data-00000-of-00001")


def test_a_checkpoint_of_training_gives_the_model_without_its_optimizer(tmp_path: Path) -> None:
    import tensorflow as tf

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, name="a"), keras.layers.Dense(2, name="b")])
    model.compile("adam", "mse")
    model.fit(np.zeros((2, 3)), np.zeros((2, 2)), verbose=0)
    tf.train.Checkpoint(model=model, optimizer=model.optimizer).save(str(tmp_path / "c"))
    assert equal(read(tmp_path / "c-1"), values_of(model))


def test_a_slim_checkpoint_has_the_names_of_keras_and_no_slots(tmp_path: Path) -> None:
    import tensorflow as tf

    stored = {
        "MobilenetV1/Conv2d_0/weights": np.ones((3, 3, 3, 8), "f4"),
        "MobilenetV1/Conv2d_0/weights/ExponentialMovingAverage": np.zeros((3, 3, 3, 8), "f4"),
        "MobilenetV1/Conv2d_0/BatchNorm/gamma": np.full(8, 2, "f4"),
        "MobilenetV1/Conv2d_0/BatchNorm/gamma/RMSProp_1": np.zeros(8, "f4"),
        "MobilenetV1/Conv2d_1_depthwise/depthwise_weights": np.full((3, 3, 8, 1), 3, "f4"),
        "MobilenetV1/Logits/Conv2d_1c_1x1/biases": np.full(5, 4, "f4"),
        "global_step": np.int64(7),
    }
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "m"), tensor_names=list(stored), shape_and_slices=[""] * 7, tensors=list(stored.values())
    )
    found = read(tmp_path / "m")
    assert {name: array.flat[0] for name, array in found.items()} == {
        "MobilenetV1/Conv2d_0/kernel": 1,
        "MobilenetV1/Conv2d_0/BatchNorm/gamma": 2,
        "MobilenetV1/Conv2d_1_depthwise/depthwise_kernel": 3,
        "MobilenetV1/Logits/Conv2d_1c_1x1/bias": 4,
    }


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_quantised_tfjs_weights_become_what_they_stand_for(dtype: str, tmp_path: Path) -> None:
    numbers = {"a/kernel": np.arange(6000, dtype=dtype).reshape(60, 100)}
    write_tfjs(tmp_path / "m", numbers, {"dtype": dtype, "scale": 0.1, "min": -3.0})
    expected = (numbers["a/kernel"].astype("f8") * 0.1 - 3.0).astype("f4")
    assert np.array_equal(read(tmp_path / "m")["a/kernel"], expected)
    assert equal(read(tmp_path / "m"), read(tmp_path / "m" / "model.json"))


def test_half_precision_of_either_kind_loads(tmp_path: Path) -> None:
    import ml_dtypes

    values = np.linspace(-3, 3, 50, dtype="f4").reshape(5, 10)
    bfloat = values.astype(ml_dtypes.bfloat16)
    header = {"b/kernel": {"dtype": "BF16", "shape": [5, 10], "data_offsets": [0, 100]}}
    header |= {"h/kernel": {"dtype": "F16", "shape": [5, 10], "data_offsets": [100, 200]}}
    text = json.dumps(header).encode()
    content = len(text).to_bytes(8, "little") + text + bfloat.tobytes() + values.astype("f2").tobytes()
    (tmp_path / "m.safetensors").write_bytes(content)
    found = read(tmp_path / "m.safetensors")
    assert np.array_equal(found["b/kernel"], bfloat.astype("f4"))
    assert np.array_equal(found["h/kernel"], values.astype("f2"))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8"])
def test_npz_arrays_come_in_any_order_of_bytes_and_of_indices(order: Any, dtype: str, tmp_path: Path) -> None:
    values = np.asarray(np.arange(24).reshape(2, 3, 4), dtype, order=order)
    np.savez(tmp_path / "m.npz", **{"a/kernel": values})
    assert np.array_equal(read(tmp_path / "m.npz")["a/kernel"], values)


# -- laziness


def test_only_the_arrays_that_a_model_takes_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"a/kernel": np.ones((3, 4), "f4"), "head/kernel": np.ones((1000, 1000), "f4")}
    safetensors.numpy.save_file(values, tmp_path / "m.safetensors")
    touched = []
    read_mapped = "zoo.weights.formats.safetensors.read_mapped"
    monkeypatch.setattr(read_mapped, lambda file, offset, memory: touched.append(len(memory)))
    with open_weights(tmp_path / "m.safetensors") as file:
        assert touched == []
        next(array for array in file.arrays if array.layer == "a").read()
    assert touched == [48]


@pytest.mark.parametrize("form", WRITERS)
def test_a_closed_file_can_be_replaced(form: str, tmp_path: Path) -> None:
    if form.startswith("torch"):
        pytest.importorskip("torch")
    name, write, _ = WRITERS[form]
    write(tmp_path / name, trained())
    with open_weights(tmp_path / name) as file:
        file.arrays[0].read()
    opened = {link.resolve() for link in Path("/proc/self/fd").glob("*")} if Path("/proc/self/fd").is_dir() else set()
    assert not opened & {part.resolve() for part in files_of(tmp_path / name)}


# -- code


class _Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("import pathlib; pathlib.Path('ran').touch()",)


def _pth(path: Path) -> None:
    pytest.importorskip("torch").save({"a.weight": _Runs()}, path)


def _legacy_pth(path: Path) -> None:
    pytest.importorskip("torch").save({"a.weight": _Runs()}, path, _use_new_zipfile_serialization=False)


CODE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "m.pth": (_pth, "nothing of it was run"),
    "old.pth": (_legacy_pth, "nothing of it was run"),
    "bare.pth": (lambda path: path.write_bytes(pickle.dumps(_Runs())), "a Python pickle, which can run code"),
    "m.npz": (lambda path: np.savez(path, a=np.array([_Runs()], object)), "Python objects, which could run code"),
}


@pytest.mark.parametrize("name", CODE)
def test_code_in_a_file_is_refused_and_does_not_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write, found = CODE[name]
    write(tmp_path / name)
    with pytest.raises(zoo.WeightsFileError, match=found):
        open_weights(tmp_path / name)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_a_lambda_in_a_model_does_not_run_and_the_weights_load(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def network(function: Callable[[Any], Any]) -> keras.Model:
        layers = [keras.layers.Dense(4, name="a"), keras.layers.Lambda(function, output_shape=(4,), name="code")]
        return keras.Sequential([keras.Input((3,)), *layers])

    armed = [False]
    written = network(lambda x: x)
    written.save(tmp_path / name)
    assert b"code" in (tmp_path / name).read_bytes()
    target = network(lambda x: armed.__setitem__(0, True) or x)
    armed[0] = False
    zoo.load_weights(target, tmp_path / name)
    assert not armed[0]
    assert equal(values_of(target), values_of(written))


# -- other files


@pytest.mark.parametrize("shard", ["../secret.bin", "{}/secret.bin", "link.bin", "a\\..\\secret.bin"])
def test_a_shard_outside_the_folder_is_not_read(shard: str, tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(b"\0" * 4)
    folder = tmp_path / "m"
    write_tfjs(folder, {"a/bias": np.zeros(1, "f4")})
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    text = (folder / "model.json").read_text()
    shard = json.dumps(shard.format(tmp_path))
    (folder / "model.json").write_text(text.replace('"group1-shard1of2.bin"', shard))
    for use in (open_weights, files_of):
        with pytest.raises(zoo.WeightsFileError, match="is outside the folder, where nothing may be read"):
            use(folder)


def test_shards_that_a_cache_links_to_are_read(tmp_path: Path) -> None:
    write_tfjs(tmp_path / "blobs", values_of(trained()))
    (tmp_path / "snapshot").mkdir()
    for part in (tmp_path / "blobs").iterdir():
        (tmp_path / "snapshot" / part.name).symlink_to(part)
    assert is_loaded(tmp_path / "snapshot")


def _rewritten(path: Path, change: Callable[[h5py.File], None]) -> None:
    """Write a .keras archive whose HDF5 file has been changed."""
    trained().save(path)
    with zipfile.ZipFile(path) as archive:
        archive.extract("model.weights.h5", path.parent)
    with h5py.File(path.parent / "model.weights.h5", "a") as file:
        change(file)
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(path.parent / "model.weights.h5", "model.weights.h5")


def _link(file: h5py.File) -> None:
    shutil.copy(file.filename, Path(file.filename).with_name("other.h5"))
    del file["layers/dense/vars/0"]
    file["layers/dense/vars/0"] = h5py.ExternalLink("other.h5", "layers/dense/vars/0")


def _reference(file: h5py.File) -> None:
    file["layers/dense/vars"].attrs["name"] = file["layers"].ref


def _cycle(file: h5py.File) -> None:
    file["layers/dense/round"] = file["layers"]


def _filtered(file: h5py.File) -> None:
    values = file["layers/dense/vars/0"][()]
    del file["layers/dense/vars/0"]
    file["layers/dense/vars"].create_dataset("0", data=values, scaleoffset=3)


def _bomb(file: h5py.File) -> None:
    del file["layers/dense/vars/0"]
    file["layers/dense/vars"].create_dataset("0", (2**30,), "f4", chunks=(2**20,), compression="gzip")


HOSTILE: dict[str, tuple[Callable[[h5py.File], None], str]] = {
    "an external link": (_link, "is a link, which is not followed"),
    "a reference for a name": (_reference, "has other values than names"),
    "a group within itself": (_cycle, "occurs in two places"),
    "a foreign filter": (_filtered, "compressed by an unsupported filter"),
    "gigabytes of zeros": (_bomb, "declares 4,294,967,296 bytes, but the file has 0"),
}


@pytest.mark.parametrize(("change", "found"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_hdf5_in_an_archive_is_refused(change: Callable[[h5py.File], None], found: str, tmp_path: Path) -> None:
    _rewritten(tmp_path / "m.keras", change)
    with pytest.raises(zoo.WeightsFileError, match=found):
        open_weights(tmp_path / "m.keras")


# -- bombs


def _npz_bomb(path: Path, _: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as member:
        for _ in range(64):
            member.write(b"\0" * 2**20)


def _keras_bomb(path: Path, _: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("model.weights.h5", "w") as member:
        for _ in range(64):
            member.write(b"\0" * 2**20)


def _safetensors_bomb(path: Path, _: Path) -> None:
    path.write_bytes((90_000_000).to_bytes(8, "little") + b"{}" * 100)


def _torch_bomb(path: Path, _: Path) -> None:
    write_torch(path, {"a/b": np.zeros(70_000, "f4")}, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"J" + (70_000).to_bytes(4, "little"), b"J" + (2**30).to_bytes(4, "little")))


def _legacy_bomb(path: Path, _: Path) -> None:
    write_legacy(path, trained())
    with h5py.File(path, "a") as file:
        name = file.attrs["layer_names"][-1]
        group = file[name]
        del group[group.attrs["weight_names"][0]]
        group.create_dataset(group.attrs["weight_names"][0], (2**30,), "f4")


BOMBS: dict[str, tuple[Callable[[Path, Path], None], str]] = {
    "m.npz": (_npz_bomb, "claims to unpack"),
    "m.keras": (_keras_bomb, "claims to unpack"),
    "m.safetensors": (_safetensors_bomb, "its header alone would take 90,000,000 bytes"),
    "m.pth": (_torch_bomb, "claims 1,073,741,824 numbers"),
    "m.h5": (_legacy_bomb, "declares 4,294,967,296 bytes"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_memory_grows(name: str, tmp_path: Path) -> None:
    if name == "m.pth":
        pytest.importorskip("torch")
    write, found = BOMBS[name]
    write(tmp_path / name, tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(zoo.WeightsFileError, match=found):
        open_weights(tmp_path / name)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


# -- plugins


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("def read(path):\n    return 1 / 0\n", "the reader of the format 'toyfile' failed (ZeroDivisionError"),
        ("def read(path):\n    return None\n", "returned None, which is not a WeightFile"),
        ("import nothing_of_the_kind\n", "ModuleNotFoundError"),
    ],
)
def test_a_plugin_whose_reader_fails_is_named(code: str, found: str, install: Any, tmp_path: Path) -> None:
    hook = "from zoo import WeightFormatSpec, hookimpl\n@hookimpl\ndef zoo_weight_formats():\n"
    install("zoo-toy", f"{hook}    yield WeightFormatSpec('toyfile', 'zoo_toy_reader:read', b'TOY!', 'made up')\n")
    (tmp_path / "site-packages" / "zoo_toy_reader.py").write_text(code)
    (tmp_path / "m.toy").write_bytes(b"TOY!")
    with pytest.raises(zoo.WeightsFileError) as caught:
        open_weights(tmp_path / "m.toy")
    assert found in caught.value.found
    assert "zoo-toy" in caught.value.advice

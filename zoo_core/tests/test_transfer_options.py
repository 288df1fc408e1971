"""The options of a training do what they say, and what does not fit is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import zoo
from zoo.transfer import TrainingOptions
from zoo.transfer.compilation import SmoothedCrossentropy, class_weights_of, learning_rate_of, penalised
from zoo.transfer.lr_finder import chosen_rate
from zoo.transfer.options import training_options, with_new_names
from zoo.transfer.phases import Phase
from zoo.transfer.recipes import read_recipe
from zoo.transfer.strategies import CLASSIFIER_ALONE, FINE_TUNING, fine_tune
from zoo.transfer.strategy_loading import phase_of_rate


@pytest.fixture(scope="module")
def digits() -> zoo.Dataset:
    return zoo.load_data("digits", classes=range(3))


def train(data: Any, **options: Any) -> zoo.Run:
    quick = {"strategy": "full", "epochs": 2, "seed": 1, "progress": False, "pictures": False}
    return zoo.transfer("small_convnet", data, **{**quick, **options})


def rates(schedule: str, epochs: int = 4, steps: int = 5, **options: Any) -> list[float]:
    """The rate after each epoch, from 1.0 on."""
    phase = Phase("only", ("*",), epochs, 1.0)
    rate = learning_rate_of(phase, TrainingOptions(schedule=schedule, **options), steps)  # type: ignore[arg-type]
    return [round(float(rate(step) if callable(rate) else rate), 4) for step in range(0, epochs * steps + 1, steps)]


def test_a_schedule_goes_from_the_rate_to_its_share_of_it() -> None:
    assert rates("constant") == [1.0] * 5
    assert rates("cosine", lr_decay=0.2) == [1.0, 0.8828, 0.6, 0.3172, 0.2]
    assert rates("exponential", lr_decay=0.0016) == [1.0, 0.2, 0.04, 0.008, 0.0016]
    assert rates("step", lr_decay=0.5, lr_decay_every=2) == [1.0, 1.0, 0.5, 0.5, 0.25]


def test_the_warmup_rises_to_the_rate_and_the_schedule_follows() -> None:
    phase = Phase("only", ("*",), 3, 1.0)
    rate = learning_rate_of(phase, TrainingOptions(schedule="cosine", lr_decay=0.0, warmup=1.0), 4)
    assert [round(float(rate(step)), 4) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert float(rate(12)) == pytest.approx(0.0, abs=1e-6)


def test_accumulated_batches_are_one_step_of_the_schedule() -> None:
    phase = Phase("only", ("*",), 2, 1.0)
    rate = learning_rate_of(
        phase, TrainingOptions(schedule="exponential", lr_decay=0.01, gradient_accumulation_steps=5), 10
    )
    assert float(rate(4)) == pytest.approx(0.01)


def test_smoothed_labels_have_the_loss_of_the_definition() -> None:
    logits = np.array([[2.0, 0.0, -1.0]])
    probabilities = np.exp(logits) / np.exp(logits).sum()
    target = np.array([0.1 / 3, 0.9 + 0.1 / 3, 0.1 / 3])
    expected = -(target * np.log(probabilities)).sum()
    loss = SmoothedCrossentropy(3, True, 0.1)
    assert float(loss(np.array([1]), logits)) == pytest.approx(expected, rel=1e-6)
    assert float(SmoothedCrossentropy(3, False, 0.1)(np.array([[1]]), probabilities)) == pytest.approx(
        expected, rel=1e-6
    )


def test_balanced_weights_are_those_of_scikit_learn(digits: zoo.Dataset) -> None:
    from sklearn.utils.class_weight import compute_class_weight

    expected = compute_class_weight("balanced", classes=np.arange(3), y=digits.train.labels)
    assert list(class_weights_of(digits, "balanced").values()) == pytest.approx(list(expected))
    assert class_weights_of(digits, {"1": 3}) == {0: 1.0, 1: 3.0, 2: 1.0}
    with pytest.raises(zoo.ArgumentError, match="no class is called '7'; the classes are 0, 1, 2"):
        class_weights_of(digits, {"7": 3})


def test_a_class_of_weight_0_is_not_learnt(digits: zoo.Dataset) -> None:
    run = train(digits, epochs=4, class_weights={"0": 0.0})
    assert run.metrics.recall["0"] < 0.2
    assert run.metrics.recall["1"] > 0.8


def test_penalties_are_on_the_kernels_that_learn_and_only_meanwhile() -> None:
    model = zoo.build("small_convnet")
    phase = Phase("only", ("fc2", "predictions"), 1, 1.0)
    with penalised(model, phase, TrainingOptions(l2=0.5)):
        penalty = float(sum(model.losses))
    kernels = [model.get_layer(name).kernel.numpy() for name in phase.trainable]
    assert penalty == pytest.approx(sum(0.5 * (kernel**2).sum() for kernel in kernels), rel=1e-5)
    assert model.losses == []


def test_l2_leaves_smaller_kernels(digits: zoo.Dataset) -> None:
    plain, small = (train(digits, l2=l2).model.get_layer("fc2").kernel.numpy() for l2 in (0.0, 0.1))
    assert (small**2).sum() < 0.8 * (plain**2).sum()


def test_early_stopping_ends_the_phase_with_its_best_weights(digits: zoo.Dataset) -> None:
    run = train(digits, epochs=40, learning_rate=0.02, early_stopping=2)
    losses = [each["val_loss"] for each in run.history]
    assert len(losses) < 40
    assert int(np.argmin(losses)) == len(losses) - 3
    best = keras.losses.SparseCategoricalCrossentropy()
    held_out = zoo.evaluate(run, digits, split="validation")
    assert held_out.loss == pytest.approx(min(losses), rel=1e-4), best


class KernelsAfterEachStep(keras.callbacks.Callback):
    """Collects the kernel of the layer f6 after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels: list[np.ndarray] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.kernels.append(self.model.get_layer("fc2").kernel.numpy().astype(np.float64))


def test_training_ends_with_the_moving_average_of_the_weights_after_each_step(digits: zoo.Dataset) -> None:
    momentum, plain, steps = 0.9, train(digits), KernelsAfterEachStep()
    run = train(digits, ema=momentum, callbacks=[steps])
    assert [each["loss"] for each in plain.history] == [each["loss"] for each in run.history]
    first, *later = steps.kernels
    assert len(later) > 10
    average = first
    for kernel in later:
        average = momentum * average + (1 - momentum) * kernel
    np.testing.assert_allclose(run.model.get_layer("fc2").kernel, average, rtol=1e-4, atol=1e-6)
    assert np.abs(average - steps.kernels[-1]).max() > 1e-3


def test_accumulating_two_batches_is_like_one_of_twice_the_size(digits: zoo.Dataset) -> None:
    data = zoo.load_data("digits", classes=range(3), validation=0.0, test=0.0)
    count = len(data.train) // 64 * 64
    data = zoo.data.Dataset(**{**vars(data), "train": data.train.take(np.arange(count))})
    large = train(data, epochs=1, batch_size=64).model.get_layer("fc2").kernel.numpy()
    small = train(data, epochs=1, batch_size=32, gradient_accumulation_steps=2).model.get_layer("fc2").kernel.numpy()
    assert np.abs(large - small).max() < 1e-3


def test_the_rate_that_is_found_lies_where_the_loss_falls(digits: zoo.Dataset) -> None:
    run = train(digits, learning_rate="find", epochs=3, pictures=True)
    found = run.info["strategy"]["phases"][0]["learning_rate"]
    assert 1e-4 < found < 3e-2
    assert run.pictures["learning_rate.png"].startswith(b"\x89PNG")
    assert run.metrics.top1 > 0.8
    rates = np.geomspace(1e-6, 1, 50)
    curve = 1 - 0.9 / (1 + np.exp(-4 * (np.log10(rates) + 3))) + (rates > 0.05) * rates * 10
    assert 2e-4 < chosen_rate(rates, curve) < 5e-3
    with pytest.raises(zoo.RunError, match="the loss does not fall at any rate"):
        chosen_rate(rates, np.linspace(1, 2, 50))


@pytest.mark.parametrize("seed", range(5))
def test_the_noise_of_the_first_losses_is_not_taken_for_a_fall(seed: int) -> None:
    rates = np.geomspace(1e-6, 1, 100)
    noise = np.random.default_rng(seed).normal(0, 0.04, 100)
    losses = 1.2 - 0.8 / (1 + np.exp(-3 * (np.log10(rates) + 3))) + noise + (rates > 0.3) * rates
    losses[0] += 0.2
    assert 3e-4 < chosen_rate(rates, losses) < 5e-3


def test_a_search_leaves_the_weights_as_they_were(digits: zoo.Dataset) -> None:
    found = train(digits, learning_rate="find")
    rate = found.info["strategy"]["phases"][0]["learning_rate"]
    assert np.array_equal(
        train(digits, learning_rate=rate).model.get_layer("fc2").kernel, found.model.get_layer("fc2").kernel
    )


def test_tensorboard_gets_its_logs(digits: zoo.Dataset, tmp_path: Path) -> None:
    train(digits, epochs=1, tensorboard=str(tmp_path / "logs"))
    assert list((tmp_path / "logs").rglob("events.out.tfevents.*"))


def test_16_bits_are_used_where_they_are_fast_and_the_run_has_32(
    digits: zoo.Dataset, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert train(digits, epochs=1, mixed_precision=True).model.dtype_policy.name == "float32"
    assert "no device here is faster in 16 bits" in caplog.text
    monkeypatch.setattr("zoo.transfer.mixed_precision.has_fast_16_bits", lambda: True)
    watched = keras.callbacks.Callback()  # Keras tells it which model is trained
    run = train(digits, epochs=1, mixed_precision=True, callbacks=[watched])
    assert watched.model.get_layer("fc2").compute_dtype == "float16"
    assert run.model.get_layer("fc2").compute_dtype == "float32"
    assert np.array_equal(watched.model.get_layer("fc2").kernel, run.model.get_layer("fc2").kernel)
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"cache": "memry"}, "did you mean 'memory'?"),
        ({"schedule": "cosin"}, "did you mean 'cosine'?"),
        ({"monitor": "val_acuracy"}, "did you mean 'val_accuracy'"),
        ({"early_stopping": 0}, "pass a number of epochs, such as 5"),
        ({"warmup": -1}, "0 or more"),
        ({"lr_decay": 2}, "pass a share"),
        ({"ema": 1.5}, "0.999"),
        ({"label_smoothing": 1.0}, "0.1"),
        ({"l2": "much"}, "pass 0 or more"),
        ({"gradient_accumulation_steps": True}, "1 or more"),
        ({"views": 3}, "it changes nothing with the other options as they are; pass augment as well"),
        ({"ema": 0.99, "keep_best": True}, "leave out early_stopping and keep_best"),
        ({"class_weights": "fair"}, "pass 'balanced', or the weight of each class by its name"),
        ({"class_weights": 2}, "pass 'balanced', or the weight of each class by its name"),
        ({"augment": {"flipp": "horizontal"}}, "did you mean 'flip'"),
        ({"keep_best": "no"}, "pass true or false"),
        ({"tensorboard": 5}, "pass a folder"),
        ({"lr_decay": 0.5}, "as they are; pass schedule='cosine', for example, as well"),
        ({"lr_decay_every": 2, "schedule": "cosine"}, "pass schedule='step' as well"),
        ({"monitor": "val_accuracy"}, "pass early_stopping or keep_best as well"),
    ],
)
def test_an_option_that_does_not_fit_is_named_with_what_would(given: dict[str, Any], said: str) -> None:
    with pytest.raises(zoo.ArgumentError, match=r".") as caught:
        training_options(given)
    assert said in str(caught.value)
    assert next(iter(given)) in str(caught.value)


def test_a_misspelt_option_is_suggested_before_anything_is_trained() -> None:
    with pytest.raises(zoo.ArgumentError, match="did you mean 'early_stopping'"):
        zoo.transfer("small_convnet", "digits", "full", early_stoping=3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"keep_best": True, "monitor": "val_mae"},
            "the task is image-classification, for which no mae is measured; monitor val_loss or val_acc",
        ),
        ({"warmup": 2, "epochs": 2}, "with warmup=2: training has only 2 epochs; pass fewer"),
        ({"class_weights": {"1": -1}}, "the weight of '1' is -1; pass 0 or more"),
        ({"learning_rate": True}, "it is not a positive number"),
        ({"learning_rate": "find", "strategy": "features"}, "its strategy has no learning rate that can be chosen"),
    ],
)
def test_options_that_do_not_suit_the_training_are_refused_before_it(
    digits: zoo.Dataset, given: dict[str, Any], said: str
) -> None:
    arguments = {"strategy": "full", "epochs": 2, "seed": 0, "progress": False, **given}
    with pytest.raises(zoo.ArgumentError, match=re.escape(said)):
        zoo.transfer("small_convnet.digits_0_4", digits, **arguments)


def test_the_rate_of_an_epoch_is_the_one_it_ran_at(digits: zoo.Dataset) -> None:
    run = train(digits, epochs=4, learning_rate=0.01, schedule="step", lr_decay=0.5, lr_decay_every=2)
    assert [each["learning_rate"] for each in run.history] == pytest.approx([0.01, 0.01, 0.005, 0.005])


def test_the_rate_is_searched_for_the_phase_that_it_is_for(digits: zoo.Dataset) -> None:
    model = zoo.build("small_convnet.digits_0_4")
    phase = phase_of_rate(lambda rate: fine_tune(model, epochs=2, learning_rate=rate, from_layer="fc1"))
    assert phase.name == "fine-tune"
    run = zoo.transfer(
        "small_convnet.digits_0_4",
        digits,
        "fine_tune",
        epochs=2,
        learning_rate="find",
        from_layer="fc1",
        seed=0,
        progress=False,
        pictures=False,
    )
    head, upper = run.info["strategy"]["phases"]
    assert head["learning_rate"] == CLASSIFIER_ALONE
    assert upper["learning_rate"] not in (CLASSIFIER_ALONE, FINE_TUNING)
    assert run.history[-1]["learning_rate"] == pytest.approx(upper["learning_rate"])


# -- the names that options had in Zoo 0.1


def test_an_option_under_its_old_name_works_and_warns_at_the_line_that_uses_it(digits: zoo.Dataset) -> None:
    options: dict[str, Any] = {"schedule": "step", "learning_rate": 0.01, "epochs": 2}
    with pytest.warns(DeprecationWarning, match="'decay_every' is now called 'lr_decay_every'") as warned:
        run = train(digits, **options, decay=0.5, decay_every=1)
    assert {each.filename for each in warned if "is now called" in str(each.message)} == {__file__}
    assert run.info["training"] == {
        "schedule": "step",
        "lr_decay": 0.5,
        "lr_decay_every": 1,
    }
    assert [each["learning_rate"] for each in run.history] == pytest.approx([0.01, 0.005])


def test_both_names_of_an_option_at_once_are_refused() -> None:
    with pytest.raises(zoo.ArgumentError, match="'decay' is the old name of 'lr_decay', and both are given"):
        with_new_names({"decay": 0.5, "lr_decay": 0.1})


def test_an_option_of_the_strategy_keeps_a_name_that_zoo_0_1_had_too() -> None:
    assert with_new_names({"decay": 0.5}, {"decay"}) == {"decay": 0.5}


def test_a_recipe_of_zoo_0_1_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old.toml"
    path.write_text('schedule = "cosine"\ndecay = 0.2\naccumulate = 4\n', encoding="utf-8")
    with pytest.warns(DeprecationWarning, match="'accumulate' is now called 'gradient_accumulation_steps'"):
        recipe = read_recipe(path)
    assert recipe.arguments == {"schedule": "cosine", "lr_decay": 0.2, "gradient_accumulation_steps": 4}


RECIPE = """
model = "small_convnet.digits_0_4"
strategy = "head"
epochs = 2
seed = 3
early_stopping = 5
{more}

[data]
name = "digits"
classes = ["5", "6"]

[augment]
rotation = 5

[options]
dropout = 0.1
"""


def test_a_recipe_is_trained_and_the_line_goes_before_it(
    zoo: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("digits.toml").write_text(RECIPE.format(more='out = "runs/sixes"'))
    status, out, _ = zoo("train", "--recipe", "digits.toml", "--epochs", "1", "--json")
    assert status == 0, out
    assert Path("runs/sixes/run.json").is_file()
    record = __import__("json").loads(out)
    assert len(record["history"]) == 1
    assert record["training"] == {"augment": {"rotation": 5}, "early_stopping": 5}
    assert record["class_names"] == ["5", "6"]
    assert record["seed"] == 3


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("epoch = 3", "it sets 'epoch', which is not a key of a recipe; did you mean 'epochs'"),
        ("learning_rate = true", "'learning_rate' is True"),
        ('batch_size = "big"', "give it a value of the type int"),
        ("= 3", "it has to be TOML"),
        ('schedule = "cosin"', "did you mean 'cosine'"),
    ],
)
def test_a_recipe_with_a_mistake_trains_nothing(
    more: str, said: str, zoo: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("digits.toml").write_text(RECIPE.format(more=more))
    status, _, err = zoo("train", "--recipe", "digits.toml", "--out", "run")
    assert status == 1
    assert said in err
    assert [each.name for each in tmp_path.iterdir()] == ["digits.toml"]

"""The wide & deep network: linear memory of columns and their crosses beside a perceptron."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers

from zoo.errors import ArgumentError, asked, asking
from zoo.layers.auxiliary import WithAuxiliaries
from zoo.layers.heads import classifier
from zoo_wide_deep.columns import Buckets, Column, chosen, columns_of, laid_out, parts_of, width_of
from zoo_wide_deep.layers import Cross, JointOutput, Select


# A parameter for each option of the family: they are the keywords of zoo.build, and a spec's config sets them by name.
def wide_deep(
    input_shape: tuple[int, ...],
    classes: int,
    include_top: bool,
    pooling: str | None,
    classifier_activation: str | None,
    *,
    hidden_units: Sequence[int] = (32, 32),
    activation: str = "relu",
    dropout: float = 0.0,
    features: int | None = None,
    columns: Mapping[str, int | None] | None = None,
    wide: Sequence[str | int] | None = None,
    deep: Sequence[str | int] | None = None,
    crosses: Sequence[str | Sequence[str]] = (),
    buckets: Buckets = 10,
    most_cells: int = 10_007,
    embedding_size: int = 8,
    embed_crosses: bool = False,
    separate_inputs: bool = False,
    deep_output_weight: float = 0.0,
) -> keras.Model:
    """Return a wide & deep network for rows of numbers and one-hot words, as a ``zoo.data.Table`` encodes them.

    The deep part is a perceptron. The wide part, linear, is the rows themselves and, one-hot, the crosses asked for.
    Without ``columns`` this is the network of the book: every feature is a number, and the two parts are concatenated
    before one dense layer. With ``columns`` it is that of the paper: the weights of the wide part are a variable of
    their own, which the strategy ``wide_and_deep`` trains by FTRL, and the deep part embeds words. ``zoo.transfer``
    tells a network the columns of the table that it is trained on.

    The first five arguments are those of every builder (:mod:`zoo.layers`). Without a top the outputs are the two parts
    concatenated, ``(batch, wide features + hidden units)``.

    Args:
        hidden_units: units of each hidden layer of the deep part.
        activation: of the hidden layers.
        dropout: rate after each hidden layer.
        features: the number of features once more, as the book has it; it must be that of ``input_shape``.
        columns: for each column by name the number of its words, or None for a column of numbers, in order.
        wide: the columns of the wide part, by name, or by position without ``columns``; all by default.
        deep: the columns of the deep part, in the same way.
        crosses: the combinations of columns that the wide part remembers, such as
            ``(("longitude", "latitude"), "age")``; a single column of numbers is put into buckets.
        buckets: the number of buckets into which each column of numbers in a cross is divided, evenly between -2 and 2
            standard deviations; or, by column, this number or the boundaries: ``{"age": 5, "income": (-1, 0, 1)}``.
        most_cells: a cross of more combinations than this lets some share a weight.
        embedding_size: units that embed each column of words in the deep part; 0 leaves them one-hot.
        embed_crosses: whether the deep part gets embeddings of the crosses as well.
        separate_inputs: whether the model has two inputs, ``wide_input`` and ``deep_input``, which take the columns of
            ``wide`` and of ``deep``. Such a model is trained with Keras' own ``fit``.
        deep_output_weight: what the loss of a second output, on the deep part alone, counts in training beside that of
            the first (the book has 0.1 beside 0.9); 0 for none. Inference does without it.

    Raises:
        ArgumentError: if the columns do not fit the input, or a column does not exist.

    Sources: Cheng et al. 2016, https://arxiv.org/abs/1606.07792; Géron, Hands-On Machine Learning with Scikit-Learn,
    Keras and TensorFlow, chapter 10.
    """
    (count,) = input_shape
    with asking("build a wide & deep network"):
        if features not in (None, count):
            found = f"the input has {count} features"
            advice = f"leave features out, or pass input_shape=({features},)"
            raise ArgumentError(asked(f"with features={features!r}"), found, advice)
        every = columns_of(count, columns)
        wide_columns = every if wide is None else chosen(every, wide, "wide=")
        deep_columns = every if deep is None else chosen(every, deep, "deep=")
    inputs: Any
    if separate_inputs:
        wide_columns, deep_columns = laid_out(wide_columns), laid_out(deep_columns)
        wide_rows = layers.Input((width_of(wide_columns),), name="wide_input")
        deep_rows = layers.Input((width_of(deep_columns),), name="deep_input")
        inputs = [wide_rows, deep_rows]
    else:
        inputs = wide_rows = deep_rows = layers.Input(input_shape)

    crossed = []
    for number, names in enumerate(crosses, start=1):
        with asking(f"build a wide & deep network with the cross {names!r}"):
            of_cross = chosen(wide_columns, names)
            starts, parts = [column.start for column in of_cross], parts_of(of_cross, buckets)
        crossed.append(Cross(starts, parts, most_cells, name=f"cross{number}")(wide_rows))
    wide_part = _joined([_selected(wide_rows, wide_columns, "wide_rows"), *crossed], "wide_part")

    x = _deep_features(deep_rows, deep_columns, embedding_size, crossed if embed_crosses else [])
    for number, units in enumerate(hidden_units, start=1):
        x = layers.Dense(units, activation=activation, name=f"hidden{number}")(x)
        if dropout:
            x = layers.Dropout(dropout, name=f"hidden{number}_dropout")(x)

    if not include_top:
        return keras.Model(inputs, _joined([wide_part, x], "joined"))
    if columns:
        outputs = JointOutput(classes, classifier_activation, name="predictions")([wide_part, x])
    else:
        outputs = classifier(_joined([wide_part, x], "joined"), classes, classifier_activation)
    if not deep_output_weight:
        return keras.Model(inputs, outputs)
    deep_outputs = layers.Dense(classes, activation=classifier_activation, name="deep_predictions")(x)
    model = WithAuxiliaries(inputs, [outputs, deep_outputs])
    model.auxiliary_weight = deep_output_weight
    return model


def _deep_features(rows: Any, columns: Sequence[Column], embedding_size: int, crossed: Sequence[Any]) -> Any:
    """Return what the deep part begins with: the numbers, and the words and crosses embedded.

    An embedding is a dense layer on one-hot features, so that an unknown word is embedded as zeros.
    """
    numbers = [column for column in columns if column.words is None]
    one_hot = [_selected(rows, [column], f"words{column.start}") for column in columns if column.words]
    one_hot += crossed
    if embedding_size:
        one_hot = [
            layers.Dense(embedding_size, use_bias=False, name=f"embedding{number}")(each)
            for number, each in enumerate(one_hot, start=1)
        ]
    return _joined([*([_selected(rows, numbers, "numbers")] if numbers else []), *one_hot], "deep_part")


def _selected(rows: Any, columns: Sequence[Column], name: str) -> Any:
    """Return the features of ``columns``, which are all of ``rows`` or some."""
    positions = [position for column in columns for position in column.positions]
    return rows if positions == list(range(rows.shape[-1])) else Select(positions, name=name)(rows)


def _joined(blocks: Sequence[Any], name: str) -> Any:
    return layers.Concatenate(name=name)(blocks) if len(blocks) > 1 else blocks[0]

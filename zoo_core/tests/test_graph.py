"""What a model costs, and where its stages end."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

import zoo
from zoo.models.graph import multiply_accumulates, peak_activation_bytes


def convnet() -> keras.Model:
    """A stem, a residual block, a strided block and a head, on 8x8 pixels."""
    x = inputs = keras.Input((8, 8, 3))
    x = skip = layers.Conv2D(4, 3, padding="same", name="stem")(x)
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = layers.Add(name="block")([x, skip])
    x = layers.ZeroPadding2D(1, name="pad")(x)
    x = layers.Conv2D(6, 3, strides=2, groups=2, name="down")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(5, name="predictions")(x))


def test_multiply_accumulates_are_those_of_convolutions_and_dense_layers() -> None:
    stem, depthwise, down, dense = 8 * 8 * 4 * 27, 8 * 8 * 4 * 9, 4 * 4 * 6 * (9 * 2), 6 * 5
    assert multiply_accumulates(convnet()) == stem + depthwise + down + dense


def test_the_peak_of_memory_is_where_the_shortcut_waits_for_its_block() -> None:
    maps = 8 * 8 * 4 * 4
    assert peak_activation_bytes(convnet()) == 3 * maps  # the shortcut, the depthwise maps and their sum


def test_the_features_are_the_ends_of_the_stages_and_share_the_weights() -> None:
    model = convnet()
    found = zoo.features(model)
    assert [(each.layer, each.stride, each.channels) for each in found.maps] == [("block", 1, 4), ("down", 2, 6)]
    images = np.ones((1, 8, 8, 3), "float32")
    before = [np.array(each) for each in found.model(images)]
    assert [each.shape[1:] for each in before] == [each.shape for each in found.maps]
    model.get_layer("stem").kernel.assign_add(np.ones((3, 3, 3, 4)))
    assert not np.allclose(before[0], found.model(images)[0])


def test_a_shared_layer_and_a_model_without_maps_are_refused() -> None:
    inputs = keras.Input((4,))
    dense = layers.Dense(4)
    with pytest.raises(zoo.ArgumentError, match="uses a layer twice"):
        zoo.features(keras.Model(inputs, dense(dense(inputs))))
    with pytest.raises(zoo.ArgumentError, match="it has no feature maps"):
        zoo.features(keras.Model(inputs, layers.Dense(4)(inputs)))


def test_a_record_has_the_cost_of_one_input_at_inference() -> None:
    convolutions, dense = 16 * 16 * 6 * 9 + 6 * 6 * 16 * 54, 144 * 48 + 48 * 32 + 32 * 10
    assert zoo.info("small_convnet").macs == convolutions + dense

"""Conv-Norm-Act: the convolution, BatchNorm and activation that most image networks repeat, named in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from keras import layers

#: A Keras initializer's name, or a function that returns a new initializer: layers must not share a random one.
Initializer = str | Callable[[], Any]


@dataclass(frozen=True)
class ConvNormAct:
    """The settings that all convolutions of one network share; called, it adds a convolution, BatchNorm and activation.

    - ``use_bias``, ``kernel_initializer``, ``bias_initializer``: of the convolutions;
    - ``symmetric``: whether a strided convolution gets the same zeros on both sides, as in torch; TensorFlow's "same"
      padding puts fewer at the start of an even size;
    - ``batch_norm``: whether there is BatchNorm; ``epsilon``, ``momentum`` (the share of the moving statistics that is
      kept at each step; torch counts the other share) and ``scale`` are its settings;
    - ``conv_name``, ``norm_name``, ``activation_name``: what the layers are called. ``{name}`` is the name that the
      caller gives, ``{activation}`` that of the activation; that of ``relu6`` is ``relu``.

    >>> import keras
    >>> conv_norm_act = ConvNormAct(epsilon=1e-5, momentum=0.9)
    >>> inputs = keras.Input((32, 32, 3))
    >>> outputs = conv_norm_act(inputs, 16, 3, stride=2, name="stem")
    >>> [layer.name for layer in keras.Model(inputs, outputs).layers[1:]]
    ['stem_conv', 'stem_bn', 'stem_relu']
    """

    use_bias: bool = False
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    symmetric: bool = False
    batch_norm: bool = True
    epsilon: float = 1e-3
    momentum: float = 0.99
    scale: bool = True
    conv_name: str = "{name}_conv"
    norm_name: str = "{name}_bn"
    activation_name: str = "{name}_{activation}"

    def __call__(
        self,
        x: Any,
        filters: int,
        size: int | tuple[int, int],
        *,
        name: str,
        stride: int = 1,
        padding: Literal["same", "valid"] = "same",
        activation: str | None = "relu",
    ) -> Any:
        """Convolve, normalise over the batch, and activate; ``activation`` of None adds no activation."""
        x = self.conv(x, filters, size, name=name, stride=stride, padding=padding)
        return self.norm_act(x, name=name, activation=activation)

    def conv(
        self,
        x: Any,
        filters: int,
        size: int | tuple[int, int],
        *,
        name: str,
        stride: int = 1,
        padding: Literal["same", "valid"] = "same",
    ) -> Any:
        """Convolve only; where zeros have to be added to both sides, they are the layer ``{name}_pad``."""
        if self.symmetric and padding == "same" and stride > 1 and isinstance(size, int) and size > 1:
            x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
            padding = "valid"
        return layers.Conv2D(
            filters,
            size,
            strides=stride,
            padding=padding,
            use_bias=self.use_bias,
            kernel_initializer=self.new_kernel_initializer(),
            bias_initializer=_new(self.bias_initializer),
            name=self.conv_name.format(name=name),
        )(x)

    def norm_act(self, x: Any, *, name: str, activation: str | None = "relu") -> Any:
        """Normalise over the batch and activate only: after another layer than a convolution, or before one."""
        if self.batch_norm:
            x = layers.BatchNormalization(
                epsilon=self.epsilon,
                momentum=self.momentum,
                scale=self.scale,
                name=self.norm_name.format(name=name),
            )(x)
        if activation is None:
            return x
        called = self.activation_name.format(name=name, activation=activation.removesuffix("6"))
        return layers.Activation(activation, name=called)(x)

    def new_kernel_initializer(self) -> Any:
        """Return a kernel initializer for one layer, such as a dense layer that begins as the convolutions do."""
        return _new(self.kernel_initializer)


def _new(initializer: Initializer) -> Any:
    return initializer if isinstance(initializer, str) else initializer()

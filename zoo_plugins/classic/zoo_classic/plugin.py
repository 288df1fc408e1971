"""The classic networks: what each is called, what it takes, and how many parameters it has."""

from __future__ import annotations

from collections.abc import Iterator

from zoo import ModelSpec, ParameterCount, Preprocessing, hookimpl


# Long, because every model is a spec of its own here: no two share a builder and a table of rows.
@hookimpl
def zoo_models() -> Iterator[ModelSpec]:
    """Return the models, the convnets first."""
    yield ModelSpec(
        name="lenet5",
        builder="zoo_classic.builders:lenet5",
        input_shape=(32, 32, 1),
        classes=10,
        parameters=ParameterCount(61_706),
        summary="LeNet-5 for handwritten digits",
        min_size=16,
        head=("flatten", "c5", "f6", "predictions"),
        # Background -0.1 and ink 1.175 (section II-B), for images whose ink is bright, as MNIST's.
        preprocessing=Preprocessing(crop_fraction=1.0, channels="grey", scale=1.275 / 255, mean=(0.1,)),
        aliases=("lenet",),
        paper="https://doi.org/10.1109/5.726791",
        year=1998,
        reference="156 + 2,416 + 48,120 + 10,164 + 850; C3 sees all of S2, where the paper leaves connections out",
    )
    yield ModelSpec(
        name="cats_and_dogs_convnet",
        builder="zoo_classic.builders:cats_and_dogs_convnet",
        input_shape=(150, 150, 3),
        classes=1,
        parameters=ParameterCount(3_453_121),
        summary="small convnet for photographs of two kinds",
        classifier_activation="sigmoid",
        min_size=46,
        head=("flatten", "fc1", "predictions"),
        preprocessing=Preprocessing(resize="squash", scale=1 / 255),
        layouts={"keras_2017": "zoo_classic.layouts:keras_2017"},
        year=2017,
        reference="Chollet, Deep Learning with Python, listings 5.5 and 5.6",
    )
    yield ModelSpec(
        name="cifar10_convnet",
        builder="zoo_classic.builders:cifar10_convnet",
        input_shape=(24, 24, 3),
        classes=10,
        parameters=ParameterCount(1_068_298),
        summary="TensorFlow's first CIFAR-10 convnet, with local response normalisation",
        head=("flatten", "local3", "local4", "predictions"),
        # The central 24 of 32 pixels.
        preprocessing=Preprocessing(crop_fraction=0.75, per_image=True),
        year=2015,
        reference="the CIFAR-10 tutorial of TensorFlow 1, cifar10.py",
    )
    yield ModelSpec(
        name="mlp",
        builder="zoo_classic.builders:mlp",
        config={"hidden_units": (300, 100)},
        input_shape=(28, 28, 1),
        classes=10,
        parameters=ParameterCount(266_610),
        summary="multilayer perceptron for small images or rows",
        takes_rows=True,
        preprocessing=Preprocessing(crop_fraction=1.0, channels="grey", scale=1 / 255),
        reference="784 x 300 + 300 + 300 x 100 + 100 + 100 x 10 + 10",
    )
    yield ModelSpec(
        name="linear_regression",
        builder="zoo_classic.builders:mlp",
        config={"hidden_units": ()},
        input_shape=(8,),
        classes=1,
        parameters=ParameterCount(9),
        summary="linear regression: the perceptron without hidden layers",
        task="regression",
        classifier_activation=None,
        reference="8 weights and a bias",
    )
    yield ModelSpec(
        name="logistic_regression",
        builder="zoo_classic.builders:mlp",
        config={"hidden_units": ()},
        input_shape=(8,),
        classes=1,
        parameters=ParameterCount(9),
        summary="logistic regression: the perceptron without hidden layers",
        task="classification",
        classifier_activation="sigmoid",
        reference="8 weights and a bias",
    )

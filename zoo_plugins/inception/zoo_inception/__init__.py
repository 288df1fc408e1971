"""Inception networks for Zoo: GoogLeNet and Inception v3, as published, in Keras and in torchvision."""

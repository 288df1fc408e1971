"""The small networks that everybody starts with: LeNet-5, two convnets, the perceptron and its linear cases."""

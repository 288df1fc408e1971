"""MobileNets for Zoo: v1, v2 and v3 in every published width, in the builds of Keras and torchvision."""

"""ResNets for Zoo: those of ImageNet in the builds of Keras and torchvision, and those of CIFAR-10."""

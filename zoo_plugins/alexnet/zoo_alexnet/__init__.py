"""AlexNets for Zoo: the network of 2012, one tower of it, and the one of torchvision."""

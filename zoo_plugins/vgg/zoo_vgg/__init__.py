"""The VGG networks for Zoo: 11 to 19 layers, with and without BatchNorm."""

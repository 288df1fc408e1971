"""Where samples come from: class folders, CSV files, CIFAR-10, the digits of scikit-learn, made-up images."""

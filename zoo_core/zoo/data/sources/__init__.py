"""The sources of datasets: class folders, CSV files, CIFAR-10, scikit-learn's digits and generated images."""

"""Wide & deep networks for Zoo: linear memory of crossed columns beside a deep network, for tables."""

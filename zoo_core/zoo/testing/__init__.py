"""Tools with which plugin authors check their plugins and compute the figures of their models."""

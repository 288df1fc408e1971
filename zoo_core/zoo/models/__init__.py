"""A network from its spec: its graph, its feature maps, what its weights report."""

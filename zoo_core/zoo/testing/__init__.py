"""What the authors of plugins check and compute with."""

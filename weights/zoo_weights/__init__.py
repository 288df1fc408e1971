"""The weights that the Zoo project trained, each with its card."""

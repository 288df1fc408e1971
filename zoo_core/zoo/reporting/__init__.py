"""Plots, and the report of a run: they take data and know no model."""

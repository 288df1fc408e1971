"""A run as data: its folder, its record, its metrics, opening it again."""

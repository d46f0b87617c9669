"""Recipes and grids: many runs as one, on an engine, collected into one result."""

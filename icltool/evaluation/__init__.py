"""Measurements of models: errors along the context and the loops, and their uncertainty."""

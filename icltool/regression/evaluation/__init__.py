"""Measurements of a model: errors along the context and the loops, hidden states, probe targets."""

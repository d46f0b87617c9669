"""Measure a trained model: error along the context and along the loops, beside classical learners."""

"""Transformer layers, the one loop and its compiled kernels, and model files."""

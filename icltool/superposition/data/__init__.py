"""Sparse features, and the report's variant of them."""

"""The looped transformer and its layers, baselines, and the other studies' models."""

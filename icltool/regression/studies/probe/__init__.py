"""Probe a trained model: what can be decoded from its state after each loop or layer."""

"""Bring the papers' official checkpoints in as our own."""

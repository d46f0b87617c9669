"""Errors, settings, seeds, files, run folders, checkpoints and the machine: what every floor uses."""

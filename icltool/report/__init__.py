"""Runs and recipes as one self-contained HTML page."""

"""Prompts and function classes, and the other studies' data."""

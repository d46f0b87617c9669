"""Learners that learn from a sequence of examples, and their files."""

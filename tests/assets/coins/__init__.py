"""A study of somebody else: `tests/cli/test_from_outside.py` adds it to the list of studies."""

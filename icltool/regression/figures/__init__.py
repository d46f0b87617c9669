"""In-context errors as figures."""

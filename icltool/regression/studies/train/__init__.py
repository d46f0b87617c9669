"""Train a transformer to regress in context."""

"""The look of every figure, the marks figures share, and export to files."""

"""The studies of in-context regression, a folder each."""

"""The studies of GPICL, a folder each."""

"""The studies of the toy ReLU model, a folder each."""

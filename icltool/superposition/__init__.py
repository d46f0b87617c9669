"""The toy ReLU model and its double descent (Henighan et al. 2023; report 004)."""

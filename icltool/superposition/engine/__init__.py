"""The exact sparse engine that trains the toy ReLU model."""

"""Commands that are no study: each a module with `parameters()` and `run(**given)`."""

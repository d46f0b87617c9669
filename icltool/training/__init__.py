"""The one training loop, and what a study hands it: optimisers, schedules, the curriculum."""

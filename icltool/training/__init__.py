"""The one training loop, and what a study hands it: a learner, optimisers, a schedule."""

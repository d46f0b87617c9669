"""Meta-train a learner on many tasks made from one data set, so that it learns new ones in context."""

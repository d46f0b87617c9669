"""Test a learner that learns in context: tasks seen in training, unseen ones, other data sets."""

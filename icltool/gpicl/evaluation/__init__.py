"""What a learner gets right within a sequence."""

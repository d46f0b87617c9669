"""Apply a trained model to the user's own prompts."""

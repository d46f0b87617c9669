"""Accuracies and images as figures."""

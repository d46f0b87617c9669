"""In-context regression with looped transformers (Yang et al. 2023; reports 000, 001 and 002)."""

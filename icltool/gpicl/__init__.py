"""GPICL: learning to learn from augmented tasks (Kirsch et al. 2022; report 003)."""

"""Prompts and function classes, shifts of them, real tables and the user's own data."""

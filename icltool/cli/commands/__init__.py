"""Commands that are not a study: each a module whose function `run` Typer reads."""

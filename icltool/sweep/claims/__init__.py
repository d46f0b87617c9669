"""One module a claim: `figures(sweep)` draws a recipe's result."""

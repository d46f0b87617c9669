"""One folder a study: config.py (settings, no torch), run.py (the work), figure.py (result to Plotly)."""

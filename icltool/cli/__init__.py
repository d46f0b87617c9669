"""The command line: parse, call one typed function, print. No mathematics, and no torch at import."""

"""The plainest possible implementations: the oracle of parity tests and the baseline of benchmarks."""

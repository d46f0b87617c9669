"""Speed against the plain implementations in tests/reference, as ratios from alternating separate processes."""

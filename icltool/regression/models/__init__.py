"""The looped transformer, its plan and checkpoint, classical baselines, and probes."""

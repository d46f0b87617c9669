"""What `bench` times, a module a workload: ours and the plain implementation."""

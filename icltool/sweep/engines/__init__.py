"""Where the runs of a sweep are run: processes of this machine, or Ray."""

import os
import subprocess
import sys


def test_threads_that_wait_spin_shortly_unless_told_otherwise():
    probe = "import os, icltool; print(os.environ['GOMP_SPINCOUNT'])"
    for given, found in (({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7")):
        environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
        words = [sys.executable, "-c", probe]
        environment |= given
        done = subprocess.run(words, check=True, capture_output=True, text=True, env=environment, timeout=60)
        assert done.stdout.strip() == found

"""`icltool sweep --engine ray --address` on a real Ray cluster: two nodes with addresses and processes of their own.

Both are on this machine, with a CPU and a folder each; a token lets in who knows it, as Ray has it by default.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from icltool.core.study import RunRequest
from icltool.regression.studies.train.config import TrainConfig
from icltool.regression.studies.train.run import run as train
from tests.conftest import Counts
from tests.sweep.engines.ray_processes import has_open, processes_below, workers_below
from tests.waiting import PATIENCE, said_by, wait_beside, wait_until

SETTINGS: dict[str, Any] = {
    "b": 1, "width": 8, "heads": 2, "d": 2, "n": 5, "batch": 4, "batch_points": 0, "eval_prompts": 16, "log_every": 20,
    "save_every": 20, "threads": 1,
}  # fmt: skip
# Nothing of size goes through Ray's store; 75 MiB is the least it takes.
STORE_BYTES = 80 * 2**20
# The first node goes by the machine's address. All of 127.0.0.0/8 is this machine too, so Ray sees two machines.
SECOND_ADDRESS = "127.0.0.2"


class Cluster:
    """Two nodes, started and ended by their own processes: another test's Ray may run beside them."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            # A dead node is missed after five checks; Ray's own pace would take a quarter of a minute.
            "RAY_health_check_period_ms": "500",
        }
        self._folder = folder
        self._nodes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Both nodes are there for a sweep."""
        self._start_node("--head", "--port", str(self.port), "--include-dashboard", "false")
        wait_until(lambda: answers(self.port), "the first node's port")
        self._start_node("--address", self.address, "--node-ip-address", SECOND_ADDRESS)
        for number, _ in enumerate(self._nodes):
            log = self._log(number)
            wait_until(lambda log=log: "Ray runtime started" in log.read_text(), str(log))

    @property
    def nodes(self) -> list[int]:
        """The process of each node that started the others of it."""
        return [node.pid for node in self._nodes]

    def kill(self, number: int) -> None:
        """SIGKILL to everything of a node, as if its power had failed."""
        node = self._nodes[number]
        if node.poll() is not None:
            return
        for process in [*processes_below(node.pid), node.pid]:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        node.wait(timeout=PATIENCE)

    def stop(self) -> None:
        """No process of the nodes is left."""
        for number, _ in enumerate(self._nodes):
            self.kill(number)

    def _log(self, number: int) -> Path:
        return self._folder / f"node-{number}.log"

    def _start_node(self, *words: str) -> None:
        number = len(self._nodes)
        # Ports of the machine's choice, but for the head's.
        own = ["--num-cpus", "1", "--dashboard-agent-listen-port", "0", "--include-log-monitor", "false"]
        folder = ["--temp-dir", str(self._folder / str(number)), "--object-store-memory", str(STORE_BYTES)]
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *own, *folder, *words]
        with self._log(number).open("wb") as log:
            self._nodes.append(
                subprocess.Popen(
                    command, stdout=log, stderr=subprocess.STDOUT, env=self.environment, start_new_session=True
                )
            )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def answers(port: int) -> bool:
    with socket.socket() as knocking:
        return knocking.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def cluster() -> Generator[Cluster]:
    # The paths of Ray's sockets may have 107 characters, so not below tmp_path.
    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    nodes = Cluster(folder)
    try:
        nodes.start()
        yield nodes
    finally:
        nodes.stop()
        shutil.rmtree(folder)


class Sweep:
    """The command at work in the current folder: trainings that differ in their seeds."""

    def __init__(self, cluster: Cluster, *, seeds: int, steps: int, token: str | None = None) -> None:
        self.settings = {**SETTINGS, "steps": steps}
        self.runs = [Path("swept") / "train" / f"seed-{seed}" for seed in range(seeds)]
        settings = ", ".join(f"{name} = {value}" for name, value in self.settings.items())
        stage = f'name = "train"\nstudy = "train"\nsettings = {{{settings}}}\ngrid = {{seed = {list(range(seeds))}}}\n'
        Path("recipe.toml").write_text(f'claim = "0"\ntitle = "A test"\n[[stage]]\n{stage}')
        command = [sys.executable, "-m", "icltool", "sweep", "recipe.toml", "--out", "swept", "--quiet"]
        self.process = subprocess.Popen(
            [*command, "--engine", "ray", "--address", cluster.address],
            env={**cluster.environment, **({"RAY_AUTH_TOKEN": token} if token else {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, come: Callable[[], bool], what: str) -> None:
        """Until then the sweep must not end."""
        wait_beside(self.process, come, what)

    def saved_by(self, node: int) -> bool:
        """Whether a run on this node has saved its state."""
        workers = workers_below(node)
        saved = [run.resolve() for run in self.runs if (run / "resume.safetensors").exists()]
        return any(has_open(worker, run / ".lock") for worker in workers for run in saved)

    def assert_done(self) -> None:
        """It ended well, said so and no more, and its models are those of runs in this process."""
        out, errors = said_by(self.process)
        assert (self.process.returncode, out) == (0, "swept/result.json\n"), errors
        for seed, run in enumerate(self.runs):
            alone = Path(f"alone-{seed}")
            train(TrainConfig.model_validate({**self.settings, "seed": seed}), request=RunRequest(out=alone))
            assert (run / "model.safetensors").read_bytes() == (alone / "model.safetensors").read_bytes()


def test_two_nodes_give_the_local_bytes(cluster: Cluster) -> None:
    sweep = Sweep(cluster, seeds=2, steps=300)
    for number, node in enumerate(cluster.nodes):
        sweep.wait_for(lambda node=node: bool(workers_below(node)), f"a run on node {number}")
    sweep.assert_done()


@pytest.mark.long
def test_a_node_dies_and_all_runs_are_done(cluster: Cluster, counts: Counts) -> None:
    sweep = Sweep(cluster, seeds=3, steps=800)
    _, second = cluster.nodes
    sweep.wait_for(lambda: sweep.saved_by(second), "a save on the second node")
    cluster.kill(1)
    sweep.assert_done()
    counts.add("nodes of a Ray cluster killed, all runs done to equal bytes")


@pytest.mark.long
def test_a_wrong_token_is_said(cluster: Cluster) -> None:
    sweep = Sweep(cluster, seeds=1, steps=1, token=secrets.token_hex(32))
    _, errors = said_by(sweep.process)
    assert sweep.process.returncode == 2, errors
    assert errors.splitlines()[-1].startswith(f"error: --address {cluster.address}: no Ray cluster lets"), errors
    assert "RAY_AUTH_TOKEN" in errors

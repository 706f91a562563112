"""A cluster over TLS, with a certificate made for the test: equal results, and who has none is not let in."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from core.jobs.running import run
from core.results.loading import load_result
from tests.engine import assert_same_tables
from tests.processes import SMALL, until

pytest.importorskip("distributed", reason="a cluster takes the package distributed")

ROOT = Path(__file__).parents[1]
DASK = str(Path(sys.executable).with_name("dask"))
OF = ("SCHEDULER", "WORKER", "CLIENT")


@pytest.fixture
def secured(tmp_path: Path) -> dict[str, str]:
    """The environment that docs/hosting.md tells, for one certificate that signs itself."""
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=lab"
    subprocess.run(
        [*make.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "certificate.pem"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    tls = "DASK_DISTRIBUTED__COMM__TLS__"
    files = {"CERT": str(tmp_path / "certificate.pem"), "KEY": str(tmp_path / "key.pem")}
    return {
        "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True",
        f"{tls}CA_FILE": files["CERT"],
        **{f"{tls}{who}__{what}": path for who in OF for what, path in files.items()},
    }


@pytest.fixture
def address(secured: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """A scheduler and a worker that speak TLS only."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = f"tls://127.0.0.1:{port}"
    common = ["--dashboard-address", "127.0.0.1:0", "--host", "tls://127.0.0.1"]
    scheduler = [str(DASK), "scheduler", "--protocol", "tls", "--port", str(port), *common]
    worker = [str(DASK), "worker", place, "--protocol", "tls", "--nthreads", "1", "--no-nanny", *common]
    with ExitStack() as stack, (tmp_path / "log").open("ab") as log:
        for command in (scheduler, worker):
            process = subprocess.Popen(
                command, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=os.environ | secured | {"PYTHONPATH": str(ROOT)},
            )  # fmt: skip
            stack.callback(process.wait)
            stack.callback(process.kill)
            if command is scheduler:
                until(lambda: "Scheduler at" in (tmp_path / "log").read_text())
        yield place


def command(address: str, out: Path, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "core", "run", SMALL.to_query(), "--out", out, "--zip", out.with_suffix(".zip")],
        env=os.environ | environment | {"LAB_DASK": address}, cwd=ROOT,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_a_cluster_with_tls_trains_to_the_same_bits_and_lets_nobody_in_without_a_certificate(
    secured: dict[str, str], address: str, tmp_path: Path
) -> None:
    done = command(address, tmp_path / "out", secured)
    assert done.returncode == 0, done.stderr
    assert_same_tables(load_result(tmp_path / "out.zip"), run(SMALL))
    for place, reason in ((address, "names no certificate"), (address.replace("tls", "tcp"), "cannot be reached")):
        refused = command(place, tmp_path / "none", {})
        assert refused.returncode == 1
        assert refused.stderr.count("\n") == 1, refused.stderr
        assert refused.stderr.startswith("python -m core: ")
        assert reason in refused.stderr

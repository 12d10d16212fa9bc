"""What is wrong with a cluster is said in one sentence, before anything is played."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from softmax_cosim import cli
from softmax_cosim.cluster import Where, client, connected
from softmax_cosim.cluster.identity import mine
from softmax_cosim.configs import UsageError
from softmax_cosim.paths import ROOT
from softmax_cosim.simulation.simulator import SimulatorCrash

distributed = pytest.importorskip("distributed", reason="the extra cluster is not installed")

SHORT = str(ROOT / "traces" / "ocr_short.safetensors")
REPLAY = ["replay", SHORT, "--config", "rexp_uint8", "--max-rows", "3"]
EVAL = ["eval", f"{ROOT}/tests/cosim/eval/fakes.py:make", "--config", "rexp_uint8"]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CONNECT_SECONDS", 1.0)


@pytest.fixture(scope="module")
def nobody() -> Iterator[str]:
    """A scheduler without workers."""
    with distributed.LocalCluster(
        n_workers=0,
        processes=False,
        protocol="tcp://",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as cluster:
        yield cluster.scheduler_address


def refused(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The one sentence."""
    assert cli.main([*words, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("cosim: ")
    assert said.count("\n") == 1
    if words[0] == "replay":
        assert list((tmp_path / "out").glob("*")) == []
    return said


def test_the_engine_says_nothing_of_its_own(nobody: str, monkeypatch: pytest.MonkeyPatch):
    """Some of its loggers have a level of their own: they put tracebacks beside our sentence."""
    log = logging.getLogger("distributed.client")
    monkeypatch.setattr(log, "level", logging.WARNING)
    with pytest.raises(UsageError), connected(Where(nobody)):
        pass
    assert not log.isEnabledFor(logging.ERROR)


@pytest.mark.parametrize("command", [REPLAY, EVAL], ids=["replay", "eval"])
def test_nobody_is_there(command: list[str], tmp_path: Path, capsys):
    with socket.socket() as free:  # bound, but nobody listens
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        said = refused([*command, "--scheduler", address], tmp_path, capsys)
    assert f"no Dask scheduler answers at tcp://{address}" in said


def test_somebody_else_is_there(tmp_path: Path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with server.accept()[0] as caller:
                caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        said = refused([*REPLAY, "--scheduler", address], tmp_path, capsys)
    assert f"no Dask scheduler answers at tcp://{address}" in said


@pytest.mark.parametrize("command", [REPLAY, EVAL], ids=["replay", "eval"])
def test_there_are_no_workers(command: list[str], nobody: str, tmp_path: Path, capsys):
    said = refused([*command, "--scheduler", nobody], tmp_path, capsys)
    assert f"the scheduler {nobody} has no workers; start some: dask worker {nobody}" in said


@pytest.mark.parametrize("address", ["", "8786", "host", "http://host:80", "host:99999", "a b:1"])
def test_it_is_no_address(address: str, tmp_path: Path, capsys):
    said = refused([*REPLAY, "--scheduler", address], tmp_path, capsys)
    assert f"--scheduler {address!r} is no address; give HOST:PORT" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--tls-ca", SHORT], "--tls-ca is given without --scheduler"),
        (["--scheduler", "h:1", "--tls-key", SHORT], "--tls-key is given alone"),
        (
            ["--scheduler", "h:1", *(f"--tls-{name}=none" for name in ("ca", "cert", "key"))],
            "--tls-ca: there is no file none",
        ),
        (
            ["--scheduler=tcp://h:1", *(f"--tls-{name}={SHORT}" for name in ("ca", "cert", "key"))],
            "goes with tls://",
        ),
    ],
)
def test_options_make_no_sense(words: list[str], sentence: str, tmp_path: Path, capsys):
    assert sentence in refused([*REPLAY, *words], tmp_path, capsys)


def test_the_extra_is_missing(tmp_path: Path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    said = refused([*REPLAY, "--scheduler", "127.0.0.1:1"], tmp_path, capsys)
    assert "pip install 'softmax-cosim[cluster]'" in said


def test_a_worker_is_another_one(workers, tmp_path: Path, capsys, monkeypatch):
    monkeypatch.setattr(client, "mine", lambda more: {**mine(more), "numpy": "1.0"})
    monkeypatch.setattr(client, "CONNECT_SECONDS", 30.0)
    said = refused([*REPLAY, "--scheduler", workers.address], tmp_path, capsys)
    assert "the worker tcp://127.0.0.1:" in said
    assert "instead of 1.0; install there what is here" in said


@pytest.mark.parametrize("command", [REPLAY, EVAL], ids=["replay", "eval"])
def test_a_worker_that_came_later_is_another_one(
    command: list[str], workers, tmp_path: Path, capsys, monkeypatch
):
    """It was not there to be asked: it finds out itself."""
    monkeypatch.setattr(client, "_agreed", lambda *_: {**mine(), "code of softmax-cosim": "old"})
    monkeypatch.setattr(client, "CONNECT_SECONDS", 30.0)
    said = refused_at_work([*command, "--scheduler", workers.address], tmp_path, capsys)
    assert "cosim: the worker tcp://127.0.0.1:" in said
    assert "instead of old; install there what is here" in said


def refused_at_work(words: list[str], tmp_path: Path, capsys) -> str:
    assert cli.main([*words, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


def test_work_that_kills_its_workers_is_given_up(workers, monkeypatch):
    monkeypatch.setattr(client, "CONNECT_SECONDS", 30.0)
    monkeypatch.setattr(workers.cluster.scheduler, "allowed_failures", 0)
    with (
        connected(Where(workers.address)) as cluster,
        pytest.raises(UsageError, match=r"1 workers died of the same piece of work, at last tcp:"),
    ):
        cluster.result(cluster.submit("deadly", os._exit, 1))


def test_the_same_work_of_two_clients_is_done_once(workers, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(client, "CONNECT_SECONDS", 30.0)
    with connected(Where(workers.address)) as one, connected(Where(workers.address)) as other:
        futures = [each.submit("same", os.mkdir, str(tmp_path / "made")) for each in (one, other)]
        assert [each.result(f) for each, f in zip((one, other), futures, strict=True)] == [None] * 2


def test_a_crash_goes_along_to_another_machine(workers, monkeypatch):
    monkeypatch.setattr(client, "CONNECT_SECONDS", 30.0)
    with connected(Where(workers.address)) as cluster, pytest.raises(SimulatorCrash) as caught:
        cluster.result(cluster.submit("crash", crash))
    assert caught.value.log == "the log"


def crash() -> None:
    raise SimulatorCrash("the simulator died", "the log")


class Deserted:
    """A client of a cluster whose workers are all gone."""

    def get_executor(self, **_: Any) -> Any:
        return None

    def nthreads(self) -> dict[str, int]:
        return {}


def test_all_workers_are_gone_for_too_long(monkeypatch):
    monkeypatch.setattr(client, "PATIENCE_SECONDS", -1.0)
    with pytest.raises(UsageError, match=r"has had no worker for a minute; start some"):
        _ = client.Cluster(Deserted(), "tcp://h:1", {}).slots


def openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, capture_output=True, check=True)


@pytest.fixture
def certificate(tmp_path: Path) -> dict[str, str]:
    """Files of one that signed itself."""
    try:
        openssl(
            tmp_path,
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=us"),
            *("-keyout", "key.pem", "-out", "cert.pem", "-addext", "subjectAltName=IP:127.0.0.1"),
        )
    except FileNotFoundError:
        pytest.skip("there is no openssl to make certificates with")
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    return {"ca": cert, "cert": cert, "key": key}


def test_tls_lets_in_who_has_the_certificate(certificate, tmp_path: Path, capsys):
    security = distributed.Security(
        tls_ca_file=certificate["ca"],
        require_encryption=True,
        **{
            f"tls_{who}_{what}": certificate[what]
            for who in ("scheduler", "client", "worker")
            for what in ("cert", "key")
        },
    )
    with distributed.LocalCluster(
        n_workers=0,
        processes=False,
        protocol="tls://",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        security=security,
    ) as cluster:
        address = cluster.scheduler_address
        files = [f"--tls-{name}={path}" for name, path in certificate.items()]
        for given in (address, address.removeprefix("tls://")):
            said = refused([*REPLAY, "--scheduler", given, *files], tmp_path, capsys)
            assert f"the scheduler {address} has no workers" in said
        said = refused([*REPLAY, "--scheduler", address], tmp_path, capsys)
        assert f"no Dask scheduler answers at {address} (TLS expects" in said
        plain = address.replace("tls", "tcp")
        said = refused([*REPLAY, "--scheduler", plain], tmp_path, capsys)
        assert f"no Dask scheduler answers at {plain}" in said

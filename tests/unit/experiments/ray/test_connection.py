"""What is said of a cluster's address, and of a head that does not connect. None runs."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from convladder.core.errors import ClusterError, ExperimentError
from convladder.experiments.ray import connection

ROOT = Path(__file__).parents[4]

pytest.importorskip("ray", reason="the extra 'cluster' is not installed")


def test_an_address_at_which_nothing_answers_is_said_at_once() -> None:
    with pytest.raises(ClusterError, match=r"answers at 127\.0\.0\.1:9"):
        connection.check_address("127.0.0.1:9")


def test_the_advice_to_start_a_head_sets_all_that_keeps_one_silent() -> None:
    assert connection.START_HEAD == (
        "RAY_USAGE_STATS_REPORT_URL=http://127.0.0.1:9 ray start --head --disable-usage-stats"
    )
    nowhere = connection._known_reason("auto", "Could not find any running Ray instance")
    assert f"`{connection.START_HEAD}`" in str(nowhere)
    with pytest.raises(ClusterError, match=f"`{connection.START_HEAD}`"):
        connection.check_address("127.0.0.1:9")
    assert connection.START_HEAD in (ROOT / "docs/privacy.md").read_text(encoding="utf-8")
    setting, command = connection.START_HEAD.split(" ", 1)
    scaling = (ROOT / "docs/scaling.md").read_text(encoding="utf-8")
    assert f"export {setting}\n" in scaling
    assert set(command.split()) <= set(scaling.split())


def test_something_else_than_a_cluster_is_told_from_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.1)
    with socket.create_server(("127.0.0.2", 0)) as silent:
        address = f"127.0.0.2:{silent.getsockname()[1]}"
        with pytest.raises(ClusterError, match="no Ray cluster answers"):
            connection.check_address(address)


def test_an_address_of_another_form_is_refused() -> None:
    with pytest.raises(ClusterError, match="takes auto, HOST:PORT or ray://HOST:PORT; got 'local'"):
        connection.check_address("local")


def test_without_ray_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ExperimentError, match=r"pip install 'convladder\[cluster\]'"):
        connection.check_address("auto")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "check_address", lambda address: None)
    monkeypatch.setattr(connection, "PAUSE_SECONDS", 0)


def refuse(times: int, said: str, tried: list[str]) -> Callable[..., None]:
    """Return what answers `ray.init` so, as often as told."""

    def init(address: str, **settings: Any) -> None:
        tried.append(address)
        if len(tried) <= times:
            raise ConnectionAbortedError(said)

    return init


@pytest.mark.usefixtures("impatient")
def test_of_a_traceback_that_the_head_sends_the_reason_is_passed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import ray

    said = "Initialization failure:\nTraceback\n  File\nRuntimeError: no room for a server\n"
    monkeypatch.setattr(ray, "init", refuse(99, said, tried := []))
    passed_on = r"\(RuntimeError: no room for a server\): see `ray status`"
    with pytest.raises(ClusterError, match=passed_on), connection.connected("ray://10.0.0.1:10001"):
        pass
    assert len(tried) == connection.ATTEMPTS


@pytest.mark.usefixtures("impatient")
def test_a_head_that_fails_at_first_is_asked_again_and_one_of_another_version_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import ray

    monkeypatch.setattr(connection, "_look_around", lambda ray, address: address)
    monkeypatch.setattr(
        ray, "init", refuse(1, "RuntimeError: Starting Ray client server failed", tried := [])
    )
    with connection.connected("ray://10.0.0.1:10001"):
        assert len(tried) == 2
    monkeypatch.setattr(ray, "init", refuse(1, "Version mismatch: 1.0", tried := []))
    with (
        pytest.raises(ClusterError, match="another version"),
        connection.connected("ray://10.0.0.1:10001"),
    ):
        pass
    assert len(tried) == 1

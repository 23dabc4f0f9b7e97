"""On JAX, what a person types works, without TensorFlow, and is not mixed up with what that has
trained.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import convladder_here
from convladder.core import backend
from convladder.core.devices import ALONE
from convladder.core.errors import ExperimentError
from convladder.experiments import resume, trial
from convladder.results import provenance

FEW = ["--limit", "200", "--epochs", "1", "--quiet"]


def test_an_accelerator_that_cannot_be_used_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("jax")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("JAX_PLATFORMS", "rocm")
    done = convladder_here("train", "digits", "--rung", "lenet5", *FEW, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: JAX cannot use this machine's accelerator (")
    assert "set JAX_PLATFORMS=cpu" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_says_which_accelerator_trained_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from convladder.training import backend as computing

    processor = provenance.environment("pytest")["machine"]
    assert trial._environment(ALONE, "pytest")["machine"] == processor
    monkeypatch.setattr(computing, "accelerator", lambda: "NVIDIA H200")
    assert trial._environment(ALONE, "pytest")["machine"] == f"{processor}, NVIDIA H200"


def test_a_backend_that_is_unknown_is_named_with_those_that_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    done = convladder_here("climb", "digits", *FEW, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "Error: KERAS_BACKEND is tensorflow (the default) or jax; got 'torch'\n"


def test_jax_that_is_missing_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr(backend, "find_spec", lambda name: None)
    with pytest.raises(
        ExperimentError, match=r"jax is not installed: pip install 'convladder\[jax\]'"
    ):
        backend.chosen()


def test_workers_convolve_with_onednn_unless_they_are_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.delenv(backend.ONEDNN, raising=False)
    assert backend.environment()[backend.ONEDNN] == "1"
    monkeypatch.setenv(backend.ONEDNN, "0")
    assert backend.environment()[backend.ONEDNN] == "0"


def test_a_run_of_the_other_backend_is_not_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("jax")
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    before = provenance.environment("pytest")
    assert resume.changed_backend(before) == []
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert resume.changed_backend(before) == ["the backend was tensorflow and is now jax"]

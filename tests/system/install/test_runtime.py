"""Prediction and the server alone, in an environment of their own: the lines of the docs and of the
Dockerfile.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from limits import HANG
from served import serving
from stored_bundle import STORED, make_folder

ROOT = Path(__file__).parents[3]
ABSENT = ("keras", "tensorflow", "pandas", "scipy", "sklearn", "matplotlib", "jinja2")

pytestmark = pytest.mark.xdist_group("runtime")  # one environment for all


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment in which the Dockerfile's lines were run."""
    folder = tmp_path_factory.mktemp("runtime")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    for line in install_lines((ROOT / "Dockerfile").read_text()):
        done = subprocess.run(
            [python, "-m", *line],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=HANG,
            check=False,
        )
        if "No matching distribution" in done.stderr or "ConnectionError" in done.stderr:
            pytest.skip("no package registry is within reach")
        assert done.returncode == 0, done.stderr
    return python


def check_predictions(convladder: list[str], tmp_path: Path) -> None:
    """See a command line predict and serve."""
    picture = make_folder(tmp_path / "new", images=1) / "red" / "000.png"
    command = [*convladder, "predict", STORED, picture]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=HANG, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "red" in done.stdout
    with serving([*convladder, "serve", str(STORED), "--port", "0"]) as own:
        answer = httpx.post(f"{own.url}/v1/predict", content=picture.read_bytes()).json()
        assert answer["predictions"][0]["class"] == "red"


def install_lines(dockerfile: str) -> list[list[str]]:
    """Return the calls of pip of a Dockerfile."""
    text = dockerfile.replace("\\\n", " ")
    (run,) = re.findall(r"^RUN (pip .*)$", text, re.MULTILINE)
    return [shlex.split(part) for part in run.split("&&")]


def test_it_predicts_and_serves_without_tensorflow(python: Path, tmp_path: Path) -> None:
    code = f"import importlib.util as u; assert not [n for n in {ABSENT!r} if u.find_spec(n)]"
    subprocess.run([python, "-c", code], check=True, timeout=HANG)
    check_predictions([str(python), "-m", "convladder"], tmp_path)
    climbed = subprocess.run(
        [python, "-m", "convladder", "climb", "digits"],
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    assert climbed.returncode == 2
    assert "pip install convladder" in climbed.stderr


def test_its_size_is_what_the_docs_say(python: Path) -> None:
    installed = python.parents[1] / "lib"
    megabytes = sum(path.stat().st_size for path in installed.rglob("*") if path.is_file()) / 1e6
    (stated,) = re.findall(r"installed takes (\d+) MB", (ROOT / "docs" / "serving.md").read_text())
    assert megabytes == pytest.approx(float(stated), rel=0.15)


def test_it_imports_no_more_than_is_installed_there(tmp_path: Path) -> None:
    """What the tests above see, without an environment of its own."""
    here = brought_by(*runtime_packages())
    absent = [
        name
        for name, owners in metadata.packages_distributions().items()
        if here.isdisjoint(map(canonicalize_name, owners))
    ]
    assert set(ABSENT) <= set(absent)
    blocking = f"import sys; sys.modules.update(dict.fromkeys({absent!r}))"
    check_predictions(
        [sys.executable, "-c", f"{blocking}; from convladder.cli.main import main; main()"],
        tmp_path,
    )


def runtime_packages() -> list[str]:
    """Return the packages that the Dockerfile names."""
    *_, last = install_lines((ROOT / "Dockerfile").read_text())
    return [word for word in last if word not in ("pip", "install") and not word.startswith("-")]


def brought_by(*requirements: str) -> set[str]:
    """Return the distributions that installing these brings here, themselves among them."""
    brought: set[str] = set()
    waiting = [Requirement(each) for each in requirements]
    while waiting:
        wanted = waiting.pop()
        if (name := canonicalize_name(wanted.name)) in brought:
            continue
        brought.add(name)
        waiting += [
            needed
            for needed in map(Requirement, metadata.requires(name) or ())
            if needed.marker is None or needed.marker.evaluate({"extra": ""})
        ]
    return brought


def test_the_docs_install_the_same() -> None:
    shipping = (ROOT / "docs" / "shipping.md").read_text()
    (packages,) = re.findall(r"^    pip install (onnxruntime .*)$", shipping, re.MULTILINE)
    everything = [
        word for line in install_lines((ROOT / "Dockerfile").read_text()) for word in line
    ]
    assert set(packages.split()) < set(everything)
    assert "--no-deps" in everything

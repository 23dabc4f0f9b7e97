"""Nothing is sent, and no file is left in a folder that is not ours, whatever is run."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import types
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest

import asking
import cores
import loopback
import session
from convladder.core import privacy
from convladder.core.places import cache_folder, keep_libraries_here
from convladder.core.tasks import Died, Finished, Message, Task
from convladder.core.worker_pool import call, run_tasks
from convladder.deploy import examples
from convladder.results.saved_run import SavedRun
from images_made import write_image
from recorder.recorded_hosts import VARIABLE, Port, is_here, read
from stored_bundle import STORED
from watched import RECORDER, Person, convladder, strace

ROOT = Path(__file__).parents[3]
PICTURE = "images/cat/000.png"

BRIEFLY = "--epochs 1 --seeds 1"
# commands with what each makes in the folder that it is run in
COMMANDS = {
    "check images --html check.html": {"check.html"},
    "check hf:parquet": set(),
    "ladder classic": set(),
    f"climb images --rungs lenet5 {BRIEFLY} --out c": {"c"},
    "train images --rung max-pooling --epochs 1 --out t --tensorboard --mlflow told": {
        "t",
        "t.tensorboard",
        "told",
    },
    f"tune images --rung lenet5 --trials 1 {BRIEFLY} --out s": {"s"},
    "reproduce t": set(),
    "evaluate t --data images --out v": {"v"},
    "explain t": set(),
    "report c": set(),
    "compare t c/trials/lenet5/seed-0": {"comparisons"},
    "bundle t --out b.convladder": {"b.convladder"},
    "export b.convladder --format onnx --int8 --data images --out onnx": {"onnx"},
    "export t --format litert --out litert": {"litert"},
    "export t --format keras --out keras": {"keras"},
    "predict b.convladder images": set(),
    "cache --clear": set(),
}
# of few layers, since JAX compiles each for some time
ON_JAX = (
    "train images --rung lenet5 --epochs 1 --set model.filters=[4] --set model.dense=[] --out j"
)
EXPORTED = ("onnx", "litert", "keras")  # `savedmodel` loads what `keras` does
FOUND = {"check": (0, 1)}  # exit statuses of those that may find something

# a connection and a look-up past Python
NATIVE = """if True:
    import ctypes, socket, struct
    library = ctypes.CDLL(None)
    with socket.socket() as talk:
        talk.setblocking(False)
        host = struct.pack("!H4s8x", 443, socket.inet_aton("192.0.2.1"))
        address = struct.pack("=H", socket.AF_INET) + host
        library.connect(talk.fileno(), address, len(address))
    library.getaddrinfo(b"name.invalid", b"443", None, ctypes.byref(ctypes.c_void_p()))
"""

# what nodes of Ray ask for as they start: their own name, and which cloud they are in
RAY_LOOKS_FOR = {socket.gethostname(), "metadata.google.internal", "169.254.169.254"}

# where each library reads the variable that silences it
READ_IN = {
    "ORT_DISABLE_TELEMETRY": ("onnxruntime", "capi/onnxruntime_pybind11_state*"),
    "HF_HUB_DISABLE_TELEMETRY": ("huggingface_hub", "constants.py"),
    "HF_XET_TELEMETRY_ENABLED": ("hf_xet", "hf_xet.*"),
    "HF_UPDATE_DOWNLOAD_COUNTS": ("datasets", "config.py"),
    "MLFLOW_DISABLE_TELEMETRY": ("mlflow", "environment_variables.py"),
    "RAY_USAGE_STATS_ENABLED": ("ray", "_common/usage/usage_constants.py"),
    "RAY_USAGE_STATS_REPORT_URL": ("ray", "_common/usage/usage_lib.py"),
    "ENABLE_RUNTIME_UPTIME_TELEMETRY": ("jax", "_src/cloud_tpu_init.py"),
    "DO_NOT_TRACK": ("huggingface_hub", "constants.py"),
}


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Someone who has run every command, each once, exported examples, a server, and JAX."""
    person = Person(tmp_path_factory.mktemp("person") / "root")
    make_images(person.work)
    commands = [
        (command, sorted(made), FOUND.get(command.split()[0], (0,)))
        for command, made in COMMANDS.items()
    ]
    person.runs(sys.executable, session.__file__, json.dumps(commands))
    person.runs(*convladder(*ON_JAX.split()), KERAS_BACKEND="jax")
    # as in any script, Keras and Matplotlib under it would keep their files in the home
    kept_here = {"KERAS_HOME": str(person.work / "k"), "MPLCONFIGDIR": str(person.work / "m")}
    for kind in EXPORTED:
        person.runs(sys.executable, f"{kind}/example.py", PICTURE, **kept_here)
    serve = convladder("serve", STORED, "--port", "0", "--corrections", "corrected")
    with person.running(*serve) as process:
        ask(process, person.work / PICTURE)
    assert [path.parent.name for path in person.work.glob("corrected/*/*.png")] == ["red"]
    with person.running(*convladder("watch", "c", "--port", "0")) as process:
        httpx.get(f"http://127.0.0.1:{port_of(process)}/").raise_for_status()
    return person


def make_images(folder: Path) -> None:
    """Make a folder of images, and another that holds them as Parquet, as the hub's library takes
    it.
    """
    import pyarrow as pa
    from pyarrow import parquet

    rows = []
    for level, name in enumerate(("cat", "dog")):
        (folder / "images" / name).mkdir(parents=True)
        for number in range(20):
            path = folder / "images" / name / f"{number:03}.png"
            write_image(path, seed=100 * level + number, level=level)
            rows.append({"image": {"bytes": path.read_bytes(), "path": None}, "label": name})
    (folder / "parquet").mkdir()
    parquet.write_table(pa.Table.from_pylist(rows), folder / "parquet" / "train.parquet")


def port_of(process: subprocess.Popen[str]) -> str:
    """Return the port of a server, once it says it."""
    assert process.stdout is not None
    said = (re.search(r"on http://\S+:(\d+)", line) for line in process.stdout)
    return next(found[1] for found in said if found)


def ask(process: subprocess.Popen[str], picture: Path) -> None:
    """Have a server predict, and correct it, as soon as it says where it is."""
    port = port_of(process)
    for path in ("predict", "corrections?class=red"):
        answer = httpx.post(f"http://127.0.0.1:{port}/v1/{path}", content=picture.read_bytes())
        answer.raise_for_status()


def others(addresses: Iterable[tuple[str, Port]]) -> set[str]:
    """Return the hosts that are not this machine."""
    return {host for host, port in addresses if not is_here(host, port)}


def test_no_command_leaves_a_file_that_is_not_ours(person: Person) -> None:
    # the hub's library keeps what it loads
    ours = {person.cache / "convladder", person.cache / "huggingface"}
    assert {path for path in person.files() if not ours & set(path.parents)} == set()


needs_strace = pytest.mark.skipif(not strace(), reason="strace is not there, or may not watch")


@needs_strace
def test_no_command_writes_or_removes_anything_in_a_folder_that_is_not_ours(person: Person) -> None:
    ours = {person.cache, person.work, person.temporary, Path("/dev"), Path("/proc")}
    ours |= {person.record}
    written = {path for path in person.written if not ours & {path, *path.parents}}
    bytecode = {path for path in written if "__pycache__" in path.parts}
    # the system's list, where it is out of date
    fonts = {path for path in written if "fontconfig" in path.parts}
    assert written - bytecode - fonts == set()


def test_no_command_talks_to_another_host_or_looks_one_up(person: Person) -> None:
    assert others(person.asked | person.reached) == set()


def test_what_is_watched_on_jax_trains_and_reports_without_tensorflow(person: Person) -> None:
    run = SavedRun(person.work / "j")
    environment = run.about["environment"]
    assert environment["backend"] == "jax"
    assert "jaxlib" in environment["versions"]
    assert not {"tensorflow", "tensorflow-cpu"} & set(environment["versions"])
    assert run.samples.heat.max() == 255
    assert (run.folder / "report.html").exists()


def test_the_recorder_refuses_each_way_to_ask_in_workers_and_children(tmp_path: Path) -> None:
    person = Person(tmp_path / "root")
    assert person.runs(sys.executable, asking.__file__).split() == []
    assert others(person.asked) == {host for place in asking.PLACES for host in asking.hosts(place)}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_recorder_lets_a_process_talk_to_its_own_machine(host: str, tmp_path: Path) -> None:
    person = Person(tmp_path / "root")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"import socket; socket.create_connection(({host!r}, {port}))"
        person.runs(sys.executable, "-c", code)
    assert (host, port) in person.asked


def test_the_recorder_keeps_what_the_environment_has_python_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('of their own')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code = f"import sys; print({str(tmp_path)!r} in sys.path)"
    assert Person(tmp_path / "root").runs(sys.executable, "-c", code) == "of their own\nTrue\n"


@pytest.mark.xdist_group("cluster")
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the loopback has one address")
def test_a_climb_on_a_cluster_talks_to_its_nodes_alone_and_nodes_tell_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="the extra 'cluster' is not installed")
    person = Person(tmp_path / "root")
    make_images(person.work)
    monkeypatch.syspath_prepend(RECORDER)  # the nodes find what this process finds
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nodes.asked"))
    with cores.every(), loopback.started(tmp_path / "nodes", 1) as nodes:
        climb = f"climb images --rungs lenet5 {BRIEFLY} --out k --cluster {nodes.address}"
        person.runs(*convladder(*climb.split()))
    assert others(person.asked | person.reached) == set()
    asked_by_nodes = read(tmp_path / "nodes.asked")
    assert asked_by_nodes
    assert others(asked_by_nodes) - RAY_LOOKS_FOR == set()


@needs_strace
def test_strace_sees_what_native_code_asks_for(tmp_path: Path) -> None:
    person = Person(tmp_path / "root")
    person.runs(sys.executable, "-c", NATIVE)
    assert person.asked == set()
    assert ("192.0.2.1", 443) in person.reached
    assert others(person.reached) - {"192.0.2.1"}  # who resolves names


@needs_strace
def test_strace_sees_a_file_and_a_folder_that_is_gone(tmp_path: Path) -> None:
    person = Person(tmp_path / "root")
    code = """if True:
        import pathlib
        pathlib.Path.home().joinpath("left").write_text("")
        pathlib.Path("gone").mkdir()
        pathlib.Path("gone").rmdir()
    """
    person.runs(sys.executable, "-c", code)
    assert {person.home / "left", person.work / "gone"} <= person.written


@pytest.mark.parametrize("variable", privacy.SILENT)
def test_the_library_still_reads_what_silences_it(variable: str) -> None:
    package, pattern = READ_IN[variable]
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        pytest.skip(f"{package} is not installed")
    files = list(Path(found.submodule_search_locations[0]).glob(pattern))
    assert any(variable.encode() in file.read_bytes() for file in files)


@pytest.mark.parametrize("said", ["", "0", "1", "true"])
def test_nothing_in_the_environment_lets_a_library_report(said: str) -> None:
    environment = dict.fromkeys(privacy.SILENT, said) | {"OTHER": said}
    privacy.silence(environment)
    assert environment == privacy.SILENT | {"OTHER": said}


def test_the_libraries_say_that_they_are_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = pytest.importorskip("ray._common.usage.usage_lib")
    told = pytest.importorskip("mlflow.telemetry.utils")
    for marker in ("CI", "GITHUB_ACTIONS", "PYTEST_CURRENT_TEST"):
        monkeypatch.delenv(marker, raising=False)
    monkeypatch.setattr(told, "_IS_IN_CI_ENV_OR_TESTING", False)
    for name in privacy.SILENT:
        monkeypatch.delenv(name, raising=False)
    assert usage.usage_stats_enabled()
    assert not told.is_telemetry_disabled()
    privacy.silence()
    assert not usage.usage_stats_enabled()
    assert told.is_telemetry_disabled()


def test_libraries_that_were_imported_before_are_silenced_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopped = []
    runtime = types.SimpleNamespace(disable_telemetry_events=lambda: stopped.append(True))
    constants = types.SimpleNamespace(HF_HUB_DISABLE_TELEMETRY=False)
    config = types.SimpleNamespace(HF_UPDATE_DOWNLOAD_COUNTS=True)
    for name, module in (
        ("onnxruntime", runtime),
        ("huggingface_hub.constants", constants),
        ("datasets.config", config),
    ):
        monkeypatch.setitem(sys.modules, name, module)  # type: ignore[arg-type]
    privacy.silence({})
    assert stopped == [True]
    assert constants.HF_HUB_DISABLE_TELEMETRY
    assert not config.HF_UPDATE_DOWNLOAD_COUNTS
    # half imported
    monkeypatch.setitem(sys.modules, "onnxruntime", types.ModuleType("onnxruntime"))
    privacy.silence({})


def test_a_process_that_imports_any_part_is_silent_before_it_imports_a_library() -> None:
    code = (
        "import convladder.core.errors, os, sys; print(sorted(sys.modules)); "
        "print(dict(os.environ))"
    )
    environment = {name: value for name, value in os.environ.items() if name not in privacy.SILENT}
    said = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    modules, variables = map(ast.literal_eval, said.splitlines())
    assert privacy.SILENT.items() <= variables.items()
    assert not {
        "onnxruntime",
        "ray",
        "mlflow",
        "datasets",
        "huggingface_hub",
        "jax",
        "keras",
    } & set(modules)


def silent_variables(emit: Any) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in privacy.SILENT}


def test_workers_are_silent_whatever_the_environment_that_they_get(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in privacy.SILENT:
        monkeypatch.setenv(name, "")
    assert call(silent_variables) == privacy.SILENT


def test_the_image_and_the_example_of_an_export_are_silent_before_the_import() -> None:
    assert "ENV ORT_DISABLE_TELEMETRY=1" in (ROOT / "Dockerfile").read_text().splitlines()
    lines = examples.example("onnx").splitlines()
    (silenced,) = (
        n for n, line in enumerate(lines) if 'environ["ORT_DISABLE_TELEMETRY"] = "1"' in line
    )
    assert silenced < lines.index("import onnxruntime")


def test_the_page_on_privacy_names_all_that_is_silenced() -> None:
    page = (ROOT / "docs" / "privacy.md").read_text()
    assert [name for name in privacy.SILENT if f"`{name}=" not in page] == []


@pytest.mark.parametrize("has_own", [False, True])
def test_keras_and_matplotlib_keep_files_in_our_cache_unless_they_have_a_folder(
    has_own: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("KERAS_HOME", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, "")  # so that it is taken back
        monkeypatch.delenv(name)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    for name, folder in (("XDG_CACHE_HOME", "c"), ("XDG_CONFIG_HOME", "f"), ("LOCALAPPDATA", "f")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    if has_own:
        for folder in (".keras", "f/matplotlib", ".matplotlib"):
            (tmp_path / folder).mkdir(parents=True)
    keep_libraries_here()
    here = {name: os.environ.get(name) for name in ("KERAS_HOME", "MPLCONFIGDIR")}
    ours = {
        "KERAS_HOME": str(cache_folder() / "keras"),
        "MPLCONFIGDIR": str(cache_folder() / "matplotlib"),
    }
    assert here == (dict.fromkeys(ours) if has_own else ours)


def test_a_folder_that_a_person_has_named_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", "/elsewhere")
    monkeypatch.setenv("MPLCONFIGDIR", "/elsewhere")
    keep_libraries_here()
    assert (os.environ["KERAS_HOME"], os.environ["MPLCONFIGDIR"]) == ("/elsewhere", "/elsewhere")


def test_a_person_without_a_home_can_run_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KERAS_HOME", "CONVLADDER_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    keep_libraries_here()
    assert "KERAS_HOME" not in os.environ


def test_an_empty_name_of_the_cache_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVLADDER_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache_folder() == tmp_path / ".cache" / "convladder"


def leave_a_file(emit: Any) -> str:
    handle, path = tempfile.mkstemp()
    os.close(handle)
    emit(path)
    return path


def leave_a_file_and_die(emit: Any) -> None:
    leave_a_file(emit)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("task", [leave_a_file, leave_a_file_and_die])
def test_the_temporary_files_of_a_worker_go_with_it(task: Any) -> None:
    events = list(run_tasks([Task(1, task)], jobs=1))
    (left,) = (Path(event.value) for event in events if isinstance(event, Message))
    assert left.parent.name.startswith("convladder-worker-")
    assert not left.parent.exists()
    assert isinstance(events[-1], Finished if task is leave_a_file else Died)

"""Exports predict what the network predicts, in their own runtimes, for every kind of network there
is.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import convladder as cl
from convladder.cli import predict_output
from convladder.core.errors import DataError, ExperimentError, ExportError
from convladder.core.experiment import Experiment, flatten
from convladder.core.ladder import BUILT_IN, load_ladder
from convladder.data.decoding import images as images_module
from convladder.data.decoding.image_form import ImageForm
from convladder.deploy import (
    examples,
    exporter,
    file_parity,
    onnx_graph,
    parity,
    parity_images,
    runtimes,
    standalone_decoder,
)
from convladder.deploy.formats import FORMATS
from convladder.deploy.runtimes import RUNTIMES, Predicted
from convladder.results.bundle import graph_check
from convladder.results.bundle.predictor import Predictor, open_session
from cut_networks import cut
from limits import HANG
from made_bundles import make_bundle
from stored_bundle import STORED, make_folder

ALIKE = (
    "dropout_conv",
    "dropout_dense",
    "batch_norm_momentum",
    "backbone",
    "pretrained",
    "weights",
)


def networks() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the settings of each kind of network in the built-in ladders, made small."""
    seen = set()
    for ladder in map(load_ladder, BUILT_IN):
        for rung in ladder.rungs:
            experiment = ladder.experiment(rung.name, {})
            model = {
                key.removeprefix("model."): value
                for key, value in flatten(experiment).items()
                if "model." in key
            }
            if model["architecture"] == "backbone":
                continue
            model["filters"] = (4, 6, 8)[: min(2, len(model["filters"]))]
            model["dense"] = model["dense"][:1] and (16,)
            model["kernel_size"] = 3
            model |= {key: getattr(Experiment().model, key) for key in ALIKE}
            model |= dict.fromkeys(("dropout_conv", "dropout_dense"), ())
            model["residual"] = model["residual"][-1:]
            if str(model) not in seen:
                seen.add(str(model))
                yield f"{ladder.name}-{rung.name}", model
    yield "own-standardized", {"preprocessing": "standardize", "filters": (4,), "kernel_size": 3}
    head = {"head": "average", "dense": (), "dropout_dense": ()}
    yield "transfer-MobileNetV2", head | {"architecture": "MobileNetV2"}


NETWORKS = dict(networks())


@pytest.fixture(scope="module")
def images() -> Any:
    draw = np.random.default_rng(0)
    return draw.integers(0, 256, (16, 4, 4, 3), dtype=np.uint8).repeat(8, axis=1).repeat(8, axis=2)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_of_the_ladders_predicts_the_same_in_every_format(
    name: str, images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut("MobileNetV2", monkeypatch)
    side = 32 if name.startswith("transfer") else 20
    form = ImageForm(side, side, 3)
    seen = images[:, :side, :side]
    bundle = make_bundle(tmp_path / "x.convladder", NETWORKS[name], form, seen)
    expected = runtimes.network_of(bundle).predict_on_batch(seen.astype(np.float32))
    assert np.ptp(expected, axis=0).max() > 1e-3  # it looks at the images
    bound = parity.BOUND if name.startswith("transfer") else 1e-5
    for kind, each in FORMATS.items():
        out = tmp_path / each.file
        RUNTIMES[kind].write(bundle, out, None)
        found = RUNTIMES[kind].load(out)(seen)
        np.testing.assert_allclose(found, expected, atol=bound, err_msg=kind)
    if name.startswith("transfer"):
        return  # of 53 layers with weights that were drawn, whole numbers leave nothing
    for kind in ("onnx", "litert"):
        small = tmp_path / f"int8-{FORMATS[kind].file}"
        RUNTIMES[kind].write(bundle, small, seen)
        assert np.abs(RUNTIMES[kind].load(small)(seen) - expected).mean() < 0.05, kind


@pytest.mark.parametrize("architecture", ["ResNet50", "EfficientNetB0", "ConvNeXtTiny"])
def test_what_others_read_is_of_layers_that_they_have(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from convladder.core.settings.model import Model
    from convladder.models import networks as any_network
    from convladder.models.portable import plain

    cut(architecture, monkeypatch)
    settings = Model(architecture=architecture, head="average", dense=(), dropout_dense=())
    network = any_network.build(settings, (32, 32, 3), 3)
    for variable in network.weights:
        if str(variable.dtype) == "float32" and len(variable.shape) == 1:
            variable.assign(np.random.default_rng(0).uniform(0.5, 1.5, variable.shape))
    made = plain(network)
    pixels = np.random.default_rng(1).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(
        made.predict_on_batch(pixels), network.predict_on_batch(pixels), rtol=1e-4, atol=1e-4
    )
    assert not [layer for layer in made.layers if type(layer).__module__.startswith("convladder")]
    content = onnx_graph.graph_of(network, ImageForm(32, 32, 3), 1.0)
    graph_check.check(content, classes=3)
    open_session(content, 1, "the graph").run(None, {"images": np.zeros((2, 40, 32, 3), np.uint8)})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("data") / "colours")


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make exports, and predict with them, in this process: a worker imports TensorFlow first."""
    monkeypatch.setattr(
        exporter, "call", lambda function, *given: function(*given, lambda message: None)
    )


@pytest.fixture(scope="module")
def hard(data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files that are often read differently, and one that is missing."""
    folder = tmp_path_factory.mktemp("hard")
    return [*write_hard_files(folder, data), folder / "gone.png"]


@pytest.fixture(scope="module")
def answered(hard: list[Path]) -> str:
    """What the product answers to them, some of which are cut."""
    done = answer([sys.executable, "-m", "convladder", "predict", STORED, *hard])
    assert done.returncode == 1, done.stderr
    return done.stdout


def answer(command: list[Any]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=HANG, check=False)


@pytest.mark.parametrize("kind", FORMATS)
def test_an_export_comes_with_an_example_that_runs_and_its_parity(
    kind: str,
    data: Path,
    hard: list[Path],
    answered: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    if kind != "litert":  # of each format, the example meets the file in a process of its own
        request.getfixturevalue("in_process")
    exported = cl.export(STORED, kind, data, out=tmp_path / kind, quiet=True)
    assert exported.parity.images == 300
    assert exported.parity.largest <= 1e-5
    assert exported.parity.same.share == 1
    assert exported.parity.accuracy_lost.difference == 0
    told = json.loads((exported.folder / "parity.json").read_text())
    settings = json.loads((exported.folder / "export.json").read_text())
    assert (settings["threshold_basis"], settings["accuracy_wanted"]) == ("as-seen", 0.95)
    assert told["holds"]
    assert told["bytes"] == exported.parity.bytes > 1000
    assert exported.parity.files is not None
    assert exported.parity.files.files > 40
    assert exported.parity.files.pixels == 0
    assert exported.parity.files.largest <= 1e-5
    assert (
        told["files"]["refused"]
        == told["files"]["other_class"]
        == told["files"]["other_unsure"]
        == 0
    )
    predict_output.export(exported, json_wanted=False)
    said = capsys.readouterr().out
    assert f"parity of the example on {exported.parity.files.files} files" in said
    assert "pixels differ by 0 of 255 at most" in said
    done = answer([sys.executable, exported.folder / "example.py", *hard])
    assert done.returncode == 1, done.stderr
    assert done.stdout == answered
    lines = answered.splitlines()
    assert "not read: truncated" in answered
    assert lines[-1].endswith("not read: missing: there is no such file")
    assert any(line.endswith("  unsure") for line in lines)
    assert all("  unsure  warning: " in line for line in lines if "16-bit" in line)


def write_hard_files(folder: Path, data: Path) -> list[Path]:
    """Write the files that are often read differently, and one of which the stored bundle is
    unsure.
    """
    red, blue = (np.asarray(Image.open(data / name / "001.png")) for name in ("red", "blue"))
    between = (0.4 * red + 0.6 * blue).astype(np.uint8)
    for name, content in parity_images.make([red, between]):
        (folder / name).write_bytes(content)
    return sorted(folder.iterdir())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("resize", ["pad", "crop", "stretch"])
def test_the_example_reads_files_as_the_product_in_every_form(
    resize: Any, channels: Any, images: Any, tmp_path: Path
) -> None:
    form = ImageForm(20, 28, channels, resize, background=200)
    bundle = make_bundle(tmp_path / "x.convladder", NETWORKS["own-standardized"], form)
    folder = tmp_path / "export"
    folder.mkdir()
    RUNTIMES["onnx"].write(bundle, folder / "model.onnx", None)
    exporter.write_beside(folder, bundle, "onnx")
    found = file_parity.compare(Predictor(bundle), folder, list(parity_images.make(images[:2])))
    assert (found.pixels, found.refused, found.other_class, found.other_unsure) == (0, 0, 0, 0)
    assert found.files == 2 * 11
    assert found.holds(1e-6, int8=False)


OTHERWISE = """

def fit(picture, form):
    return np.asarray(picture.image.resize((form.width, form.height))).reshape(form.shape)
"""


def change_decoder(monkeypatch: pytest.MonkeyPatch, module: str, added: str) -> None:
    """Let exports carry another decoder than the product's."""
    texts = standalone_decoder.modules()
    texts[module] += added
    monkeypatch.setattr(standalone_decoder, "modules", lambda: texts)


@pytest.mark.usefixtures("in_process")
def test_an_example_that_reads_files_otherwise_is_not_kept(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_decoder(monkeypatch, "picture", OTHERWISE)
    with pytest.raises(
        ExportError, match=r"does not read .*0-half-transparent.png.*The export was not kept"
    ):
        cl.export(STORED, "onnx", data, out=tmp_path / "other", quiet=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("in_process")
def test_an_example_with_another_threshold_is_not_kept(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = examples.settings
    monkeypatch.setattr(examples, "settings", lambda contents: own(contents) | {"threshold": None})
    with pytest.raises(ExportError, match=r"[1-9]\d* marked unsure differently"):
        cl.export(STORED, "onnx", data, out=tmp_path / "other", quiet=True)


@pytest.mark.usefixtures("in_process")
def test_an_example_that_does_not_run_is_said(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_decoder(monkeypatch, "images", "import convladder")
    with pytest.raises(ExportError, match=r"example does not run: .*convladder"):
        cl.export(STORED, "onnx", data, out=tmp_path / "other", quiet=True)


def test_the_decoder_of_exports_is_the_products_and_needs_numpy_and_pillow_alone() -> None:
    imported, texts = set(), standalone_decoder.modules()
    for node in (node for text in texts.values() for node in ast.walk(ast.parse(text))):
        if isinstance(node, ast.Import):
            imported |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            imported.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.ImportFrom):
            assert {node.module} & {None, *texts}
    assert imported - set(sys.stdlib_module_names) == {"numpy", "PIL"}
    own = Path(images_module.__file__).read_text().splitlines()
    changed = [line for line in own if line not in texts["images"].splitlines()]
    assert all(line.startswith("from convladder.") for line in changed)


def test_two_modules_of_one_name_are_not_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    own = standalone_decoder._source
    added = "from convladder.report import plots\nfrom convladder.data import plots\n"
    monkeypatch.setattr(
        standalone_decoder,
        "_source",
        lambda module: added if module.endswith(".plots") else own(module) + "\n" + added,
    )
    with pytest.raises(
        ImportError, match=r"\w+\.plots and convladder\.\w+\.plots cannot be copied"
    ):
        standalone_decoder.modules()


@pytest.mark.usefixtures("in_process")
def test_int8_is_calibrated_and_its_loss_measured(data: Path, tmp_path: Path) -> None:
    exported = cl.export(STORED, "litert", data, out=tmp_path / "int8", int8=True, quiet=True)
    lost = exported.parity.accuracy_lost
    assert lost.low is not None
    assert lost.high is not None
    assert lost.low <= lost.difference <= lost.high
    assert exported.parity.accuracy.images == 45
    assert 0 < exported.parity.mean < 0.05


@pytest.mark.usefixtures("in_process")
def test_an_export_that_predicts_otherwise_is_not_kept(data: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ExportError, match=r"mean difference .* over 1e-09 .*The export was not kept"
    ):
        cl.export(STORED, "onnx", data, out=tmp_path / "strict", int8=True, bound=1e-9, quiet=True)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_exported_is_said(data: Path, tmp_path: Path, make_folder: Any) -> None:
    with pytest.raises(ExperimentError, match="did you mean 'onnx'"):
        cl.export(STORED, "onx", data)
    with pytest.raises(ExperimentError, match="--int8 is for onnx, litert"):
        cl.export(STORED, "keras", data, int8=True)
    with pytest.raises(ExperimentError, match="--data"):
        cl.export(STORED, "onnx")
    with pytest.raises(DataError, match="has the classes cat, dog"):
        cl.export(
            STORED, "onnx", make_folder({"cat": 20, "dog": 20}), out=tmp_path / "x", quiet=True
        )


def test_a_missing_runtime_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    with pytest.raises(ExperimentError, match=r"pip install 'convladder\[export\]'"):
        exporter.check("litert", int8=False)


def test_parity_is_judged_by_the_largest_difference() -> None:
    here = np.array([[0.6, 0.4], [0.3, 0.7], [0.51, 0.49]], np.float32)
    there = np.array([[0.6, 0.4], [0.3, 0.7], [0.49, 0.51]], np.float32)
    found = parity.measure(
        Predicted(here, 2.0),
        Predicted(there, 1.0),
        np.array([0, 1]),
        sizes=(10, 20),
        bound=None,
        int8=False,
    )
    assert found.largest == pytest.approx(0.02)
    assert found.mean == pytest.approx(0.02 / 3)
    assert found.same.share == pytest.approx(2 / 3)
    assert not found.holds
    assert (found.accuracy.share, found.accuracy.images) == (1, 2)
    rounded = parity.measure(
        Predicted(here, 2.0),
        Predicted(there, 1.0),
        np.array([0, 1]),
        sizes=(10, 20),
        bound=None,
        int8=True,
    )
    assert rounded.holds


def test_of_images_that_were_moved_the_option_is_named(tmp_path: Path, make_folder: Any) -> None:
    images = make_folder({"cat": 20, "dog": 20}, at="pets")
    settings = {"model.filters": [4], "model.kernel_size": 3, "train.epochs": 1}
    run = cl.train(images, "lenet5", changes=settings, out=tmp_path / "run", quiet=True)
    images.rename(tmp_path / "moved")
    with pytest.raises(DataError, match=r"have moved .*: say with --data"):
        cl.export(run, "onnx", out=tmp_path / "x", quiet=True)
    with pytest.raises(DataError, match="has the classes cow, dog, and the bundle cat, dog"):
        cl.export(
            run,
            "onnx",
            make_folder({"cow": 20, "dog": 20}, at="others"),
            out=tmp_path / "x",
            quiet=True,
        )

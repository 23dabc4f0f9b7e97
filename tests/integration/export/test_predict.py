"""`predict`: the same pixels and probabilities as in training, from wherever pictures lie (FAULTS
D20, W9).
"""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import convladder as cl
from bundle_with_sets import write_with_sets
from command_line import convladder
from convladder.cli import predict_output
from convladder.core.errors import BundleError, ExperimentError, RunError
from convladder.deploy import bundle_writer
from convladder.evaluation import predictions
from convladder.experiments.pretrained import source
from convladder.results.bundle import container
from limits import HANG
from stored_bundle import CLASSES, STORED, coloured, make_folder

HEAVY = [
    "keras",
    "tensorflow",
    "pandas",
    "scipy",
    "sklearn",
    "matplotlib",
    "jinja2",
    "safetensors",
    "optuna",
    "h5py",
]


def predict(*words: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run the command where no more can be imported than prediction needs."""
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({HEAVY!r}))\n"
        "from convladder.cli.main import main\nsys.argv = ['convladder', 'predict', "
        "*sys.argv[1:]]\nmain()"
    )
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=HANG, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of three classes, one of another size, and a file that is none."""
    root = make_folder(tmp_path_factory.mktemp("pictures") / "new", images=3)
    Image.fromarray(coloured(np.random.default_rng(5), 2, size=50)).save(
        root / "large.jpg", quality=95
    )
    (root / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (root / "notes.txt").write_text("not a picture")
    return root


def test_a_picture_that_does_not_fit_the_training_images_is_answered_as_unsure_with_a_warning(
    tmp_path: Path,
) -> None:
    Image.fromarray(np.full((12, 12), 65_535, np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray(coloured(np.random.default_rng(5), 2)).save(tmp_path / "usual.png")
    why = (
        "it has more than 8 bits, unlike all training images: "
        "values from 0 to 65,535 were mapped to black and white"
    )
    lines = predict(STORED, tmp_path).stdout.decode().splitlines()
    assert lines[0].endswith(f"  unsure  warning: {why}")
    assert "warning" not in lines[1]
    rows = [json.loads(line) for line in predict(STORED, tmp_path, "--json").stdout.splitlines()]
    assert rows[0]["probability"] > 0.9  # far over the threshold
    assert [row["unsure"] for row in rows] == [True, False]
    assert rows[0]["warning"] == why
    assert "warning" not in rows[1]
    table = list(csv.DictReader(io.StringIO(predict(STORED, tmp_path, "--csv").stdout.decode())))
    assert [row["warning"] for row in table] == [why, ""]
    assert [row["unsure"] for row in table] == ["true", "false"]


def test_every_picture_gets_a_line_and_a_broken_one_its_reason(folder: Path) -> None:
    done = predict(STORED, folder)
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 1
    assert len(lines) == 11
    assert "not read: " in next(line for line in lines if "broken" in line)
    assert b"1 of 11 could not be read" in done.stderr
    right = [
        line
        for line in lines
        for name in CLASSES
        if f"{os.sep}{name}{os.sep}" in line and f"  {name} " in line
    ]
    assert len(right) == 9


def test_rows_for_programs(folder: Path) -> None:
    done = predict(STORED, folder / "red", "--csv", "--top", 2)
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode())))
    assert done.returncode == 0
    assert [row["class"] for row in rows] == ["red"] * 3
    assert float(rows[0]["probability"]) > float(rows[0]["probability_2"])
    lines = predict(STORED, folder / "red", "--json").stdout.decode().splitlines()
    assert [json.loads(line)["path"] for line in lines] == [row["path"] for row in rows]
    assert json.loads(lines[0])["probability"] == pytest.approx(float(rows[0]["probability"]))


def test_several_classes_are_named_where_an_image_may_be_of_them(
    folder: Path, tmp_path: Path
) -> None:
    bundle = write_with_sets(tmp_path / "sets.convladder", least_probability=0.0, wanted=0.9)
    done = predict(bundle, folder / "red")
    lines = done.stdout.decode().splitlines()
    assert all("  (90 %: red, " in line and " or " in line for line in lines)
    said = "with brackets or without, the true class is named in 90 of 100"
    assert said in " ".join(done.stderr.decode().split())
    assert said not in predict(bundle, folder / "red", "--quiet").stderr.decode()
    row = json.loads(predict(bundle, folder / "red", "--json").stdout.splitlines()[0])
    assert row["prediction_set"]["coverage"] == 0.9
    assert row["prediction_set"]["classes"][0] == row["class"] == "red"
    assert sorted(row["prediction_set"]["classes"]) == sorted(CLASSES)
    rows = csv.DictReader(
        io.StringIO(predict(bundle, folder / "red", folder / "broken.png", "--csv").stdout.decode())
    )
    held = [row["prediction_set"].split("|") for row in rows]
    assert [sorted(each) for each in held] == [sorted(CLASSES)] * 3 + [[""]]


def test_a_single_class_is_no_news(folder: Path, tmp_path: Path) -> None:
    bundle = write_with_sets(tmp_path / "sets.convladder", least_probability=1.0)
    done = predict(bundle, folder / "red")
    assert b"(" not in done.stdout
    assert b"brackets" not in done.stderr
    row = json.loads(predict(bundle, folder / "red", "--json").stdout.splitlines()[0])
    assert row["prediction_set"] == {"classes": ["red"], "coverage": 0.95}


@pytest.mark.parametrize("kind", ["of an earlier format", "of too few validation images"])
def test_a_bundle_without_sets_says_nothing_of_them(
    kind: str, folder: Path, tmp_path: Path
) -> None:
    bundle = STORED
    if kind == "of too few validation images":
        bundle = write_with_sets(tmp_path / "few.convladder", least_probability=None)
    assert cl.Predictor.open(STORED).contents.prediction_sets is None
    for form in ((), ("--json",)):
        done = predict(bundle, folder / "red", *form)
        assert done.returncode == 0
        assert b"(" not in done.stdout
        assert b"prediction_set" not in done.stdout
        assert b"brackets" not in done.stderr


def test_archives_patterns_and_standard_input(folder: Path, tmp_path: Path) -> None:
    expected = predict(STORED, folder / "blue", "--csv").stdout.decode().splitlines()[1:]

    def found(*words: object, stdin: bytes = b"") -> list[str]:
        done = predict(STORED, *words, "--csv", stdin=stdin)
        assert done.returncode == 0, done.stderr
        return [line.split(",", 1)[1] for line in done.stdout.decode().splitlines()[1:]]

    wanted = [line.split(",", 1)[1] for line in expected]
    shutil.make_archive(str(tmp_path / "zipped"), "zip", folder / "blue")
    shutil.make_archive(str(tmp_path / "packed"), "gztar", folder / "blue")
    assert sorted(found(tmp_path / "zipped.zip")) == sorted(wanted)
    assert sorted(found(tmp_path / "packed.tar.gz")) == sorted(wanted)
    assert found(f"{folder}/blue/*.png") == wanted
    assert found("-", stdin="\n".join(line.split(",")[0] for line in expected).encode()) == wanted
    assert found("-", stdin=(folder / "blue" / "000.png").read_bytes()) == wanted[:1]


def test_a_place_without_pictures_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = predict(STORED, tmp_path / "empty")
    assert done.returncode == 2
    assert b"no image in" in done.stderr
    assert predict(STORED, tmp_path / "missing.png").returncode == 1
    assert predict(tmp_path / "missing.convladder", tmp_path).returncode == 2
    assert predict(STORED, tmp_path, "--csv", "--json").returncode == 2


def test_who_has_read_enough_is_not_told_of_failed_files(folder: Path) -> None:
    pipe = 'set -o pipefail; "$0" -m convladder predict "$1" "$2" --json | true'
    done = subprocess.run(
        ["bash", "-c", pipe, sys.executable, STORED, folder], capture_output=True, check=False
    )
    assert done.returncode == 141  # of SIGPIPE
    assert b"Error" not in done.stderr


def test_names_that_are_formulas_or_control_a_terminal_are_neutralised(
    folder: Path, tmp_path: Path
) -> None:
    for name in ("=cmd()", "\x1b[2Jgone"):
        shutil.copy(folder / "red" / "000.png", tmp_path / f"{name}.png")
    os.chdir(tmp_path)
    rows = predict(STORED, "=cmd().png", "--csv").stdout.decode().splitlines()
    assert rows[1].startswith("'=cmd().png,")
    assert b"\x1b" not in predict(STORED, tmp_path).stdout
    assert predict_output.neutral("@x") == "'@x"


def test_an_archive_that_reaches_outside_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../outside.png", b"x")
    done = predict(STORED, path)
    assert done.returncode == 2
    assert b"outside itself" in done.stderr
    with tarfile.open(tmp_path / "evil.tar", "w") as packed:
        link = tarfile.TarInfo("link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        packed.addfile(link)
    assert b"no image in" in predict(STORED, tmp_path / "evil.tar").stderr


def test_images_in_memory() -> None:
    predictor = cl.Predictor.open(STORED)
    draw = np.random.default_rng(0)
    grey = draw.integers(0, 256, (2, 12, 12), dtype=np.uint8)
    same = predictor.probabilities(np.repeat(grey[..., np.newaxis], 3, axis=3))
    np.testing.assert_array_equal(predictor.probabilities(grey), same)
    np.testing.assert_array_equal(predictor.probabilities(grey[..., np.newaxis]), same)
    assert predictor.probabilities([]).shape == (0, 3)
    mixed = [grey[0], draw.integers(0, 256, (30, 20, 3), dtype=np.uint8)]
    np.testing.assert_allclose(predictor.probabilities(mixed)[0], same[0], atol=1e-6)
    for wrong in (
        grey.astype(np.float32),
        np.zeros((1, 12, 12, 4), np.uint8),
        np.zeros((1, 0, 5), np.uint8),
    ):
        with pytest.raises(ExperimentError, match="images are uint8 of the shape"):
            predictor.probabilities(wrong)
    assert predictor.read(same, top=3)[0].top[0] == (
        predictor.read(same)[0].class_name,
        pytest.approx(same[0].max()),
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> cl.Run:
    """A short training on images of several sizes, some of them photographs to a network of this
    size.
    """
    root = make_folder(tmp_path_factory.mktemp("trained") / "images", images=20)
    draw = np.random.default_rng(9)
    for label, name in enumerate(CLASSES):
        for number in range(20):
            side = [(40, 90), (200, 31), (9, 9)][number % 3]
            pixels = np.asarray(Image.fromarray(coloured(draw, label, size=16)).resize(side))
            Image.fromarray(pixels).save(root / name / f"photograph-{number:02}.jpg", quality=90)
    changes = {"data.image_size": [16, 16], "model.filters": [4, 6], "train.batch_size": 16}
    out = tmp_path_factory.mktemp("run") / "run"
    return cl.train(root, "lenet5", epochs=2, changes=changes, out=out, quiet=True)


def test_a_bundle_predicts_what_the_evaluation_predicted(run: cl.Run, tmp_path: Path) -> None:
    path = run.bundle(tmp_path / "run.convladder")
    predictor = cl.Predictor.open(path)
    root = Path(run.experiment.data.source)
    tested = run.tested
    pixels = [predictor.decode((root / name).read_bytes()) for name in tested["path"]]
    bank = cl.load(root, changes={"data.image_size": [16, 16]}, quiet=True).bank
    rows = {record.path: row for record, row in zip(bank.records, bank.rows, strict=True)}
    for name, decoded in zip(tested["path"], pixels, strict=True):
        np.testing.assert_array_equal(decoded, bank.images[rows[name]])
    cooled = np.log(predictions.probabilities(tested)) / predictor.contents.temperature
    expected = np.exp(cooled) / np.exp(cooled).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predictor.probabilities(pixels), expected, atol=1e-5)
    frame = run.predict([root / name for name in tested["path"]], accuracy=0.2)
    np.testing.assert_allclose(
        frame["confidence"], predictor.probabilities(pixels).max(axis=1), atol=1e-5
    )


def test_a_run_is_as_good_as_its_bundle(
    run: cl.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = run.bundle()
    assert path == Path(f"{run.folder.name}.convladder")
    with pytest.raises(BundleError, match="cannot open"):
        cl.Bundle(tmp_path / "other.convladder")
    assert run.bundle(tmp_path / "again.convladder").read_bytes() == path.read_bytes()
    bundle = cl.Bundle(path)
    assert bundle.contents.class_names == tuple(run.network["class_names"])
    assert str(run.folder) not in bundle.card
    assert bundle.card.startswith("# Model card")
    assert bundle.contents.figures.accuracy.share == pytest.approx(run.metrics["test"]["accuracy"])


def test_a_bundles_threshold_is_the_guaranteed_one_unless_the_other_is_asked_for(
    run: cl.Run, tmp_path: Path
) -> None:
    path, wanted = tmp_path / "my.convladder", run.selection(0.2)
    assert wanted.threshold is not None
    for as_seen, chosen in ((False, wanted), (True, wanted.as_seen)):
        assert chosen is not None
        found = cl.Bundle(run.bundle(path, 0.2, as_seen=as_seen)).contents.selection
        assert found.threshold == chosen.threshold
        assert found.coverage.share == chosen.coverage.share
        assert found.basis == ("as-seen" if as_seen else "guaranteed")
        assert found.validation == wanted.validation
        assert (found.as_seen is None) is as_seen
    words = ("bundle", str(run.folder), "-o", str(path), "--accuracy", "0.2")
    assert "0.2 (guaranteed in 95 of 100 networks)" in convladder(*words).stdout
    said = convladder(*words, "--as-seen").stdout
    assert "0.2 as seen on validation, without a guarantee" in said
    assert "--accuracy 0.2 --as-seen" in said  # the command that makes it again


def test_a_bundles_prediction_sets_are_of_the_coverage_that_is_asked_for(
    run: cl.Run, tmp_path: Path
) -> None:
    path, wanted = tmp_path / "my.convladder", run.prediction_sets(0.8)
    contents = cl.Bundle(run.bundle(path, coverage=0.8)).contents
    assert contents.prediction_sets is not None
    assert contents.prediction_sets.least_probability == wanted.least_probability is not None
    assert contents.prediction_sets.coverage.share == wanted.coverage.share
    assert contents.prediction_sets.validation == wanted.validation
    words = ("bundle", str(run.folder), "-o", str(path), "--coverage", "0.8")
    said = convladder(*words).stdout
    assert "among these in 80 of 100 images like the test images" in said
    assert "--coverage 0.8" in said  # the command that makes it again
    root = Path(run.experiment.data.source)
    files = [root / name for name in run.tested["path"]]
    predictor = cl.Predictor.open(path)
    read = predictor.read(
        predictor.probabilities([predictor.decode(each) for each in map(Path.read_bytes, files)])
    )
    frame = run.predict(files, accuracy=0.2, coverage=0.8)
    assert [each.prediction_set and each.prediction_set.classes for each in read] == list(
        frame["prediction_set"]
    )
    held = [
        label in among
        for label, among in zip(run.tested["label"], frame["prediction_set"], strict=True)
    ]
    assert np.mean(held) == wanted.coverage.share
    refused = convladder("bundle", str(run.folder), "-o", str(path), "--coverage", "95")
    assert refused.returncode == 2
    assert "above 0 and below 1, such as 0.95; got 95" in refused.stderr


def test_where_nothing_is_guaranteed_every_answer_is_unsure_and_it_is_said(
    run: cl.Run, tmp_path: Path
) -> None:
    image = next(Path(run.experiment.data.source).rglob("*.png"))
    path = run.bundle(tmp_path / "my.convladder", 1.0)
    done = predict(path, image)
    assert done.stdout.decode().strip().endswith("unsure")
    said = " ".join(done.stderr.decode().split())
    assert "warning: an accuracy of 1 cannot be shown on" in said
    assert "a lower --accuracy, or --as-seen" in said
    assert not predict(path, image, "--quiet").stderr


def test_the_threshold_of_an_older_bundle_is_named_as_what_it_is(folder: Path) -> None:
    said = " ".join(predict(STORED, folder).stderr.decode().split())
    assert "as seen on validation, without a guarantee. Make the bundle again" in said
    assert "as seen" not in predict(STORED, folder, "--quiet").stderr.decode()


def test_a_bundle_that_a_run_keeps_is_made_anew_if_its_format_is_older(
    run: cl.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = cl.Run(shutil.copytree(run.folder, tmp_path / "copied"))
    monkeypatch.setattr(container, "FORMAT", 1)
    copied.bundle(copied.folder / bundle_writer.KEPT, as_seen=True)
    monkeypatch.undo()
    kept = cl.Bundle(bundle_writer.bundle_of(copied.folder))
    assert kept.contents.selection.basis == "guaranteed"


def reword(run: cl.Run, said: str) -> None:
    card = run.folder / "card.md"
    card.write_text(card.read_text().replace("*who made it, and who answers questions?*", said))


def test_a_bundle_is_made_again_by_the_command_that_is_named(run: cl.Run, tmp_path: Path) -> None:
    copied = cl.Run(shutil.copytree(run.folder, tmp_path / "my run"))
    path = tmp_path / "my.convladder"
    others = STORED.read_bytes()
    path.write_bytes(others)
    with pytest.raises(
        RunError,
        match=r"already exists and is not a bundle of .*my run: choose another name with -o",
    ):
        copied.bundle(path)
    assert path.read_bytes() == others
    path.unlink()
    said = convladder("bundle", str(copied.folder), "-o", str(path), "--accuracy", "0.9").stdout
    named = next(line for line in said.splitlines() if "open: answer them in" in line)
    reword(copied, "Ada")
    done = convladder(*shlex.split(named.partition(", then: convladder ")[2]))
    assert done.returncode == 0, done.stderr
    again = cl.Bundle(path)
    assert "Made by: Ada" in again.card
    assert again.contents.selection.wanted == 0.9


def test_the_bundle_that_a_run_keeps_follows_what_it_is_made_of(
    run: cl.Run, tmp_path: Path
) -> None:
    copied = cl.Run(shutil.copytree(run.folder, tmp_path / "copied"))
    made: list[str] = []

    def kept(why: str) -> cl.Bundle:
        return cl.Bundle(bundle_writer.bundle_of(copied.folder, lambda: made.append(why)))

    shutil.copy(STORED, copied.folder / bundle_writer.KEPT)
    kept("of another run")
    copied.report()
    kept("nothing but its figures was written anew")
    reword(copied, "Ada")
    assert "Made by: Ada" in kept("other words").card
    kept("nothing")
    assert made == ["of another run", "other words"]


def test_a_backbone_may_be_a_bundle(
    run: cl.Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = run.bundle(tmp_path / "run.convladder")
    assert source.open_donor(path).sum() == source.open_donor(run.folder).sum()
    begun = cl.train(
        make_folder(tmp_path / "few", images=12),
        "transfer-frozen",
        pretrained=path,
        epochs=1,
        out=tmp_path / "begun",
    )
    model = begun.experiment.model
    assert (model.backbone, model.filters) == (str(path), (4, 6))
    np.testing.assert_array_equal(begun.weights["conv_1/kernel"], run.weights["conv_1/kernel"])
    assert "a bundle does not record it" in " ".join(capfd.readouterr().err.split())
    with pytest.raises(BundleError, match="cannot open"):
        cl.train("digits", pretrained="missing.convladder", quiet=True)

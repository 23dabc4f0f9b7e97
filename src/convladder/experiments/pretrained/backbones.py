"""The backbone of an experiment: another network whose layers, up to the head, it begins with.

It is a network of keras.applications or one that was trained here. An experiment has it settled
when the weights are found: what its layers are, and the SHA-256 of what is taken. A trained network
needs its backbone no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from convladder.core.defaults import PRETRAINED_LADDER
from convladder.core.errors import ExperimentError, RunError
from convladder.core.experiment import Experiment
from convladder.core.formatting import written
from convladder.core.settings.model import Model
from convladder.experiments.pretrained import imagenet, source, weight_cache
from convladder.experiments.pretrained.imagenet import Say, silent
from convladder.experiments.pretrained.source import PretrainedSource
from convladder.models import variants
from convladder.models.catalog import OWN
from convladder.models.variants import PUBLISHED

if TYPE_CHECKING:
    from convladder.models.networks import Backbone

AS_BACKBONE = "backbone"  # the architecture of a ladder that is for any
HEAD = ("head", "dense", "dropout_dense")
OF_BACKBONE = ("backbone", "pretrained", "weights", "backbone_sha256")
BODY = tuple(key for key in Model.model_fields if key not in (*HEAD, *OF_BACKBONE))


def changes(
    pretrained: str | None, weights: str | None, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what `--pretrained` and `--weights` set at a ladder's start, beside the `given`.

    Of a run these are its model's settings; the head's may be given otherwise. Raises
    ConvladderError.
    """
    if pretrained is None:
        if weights is not None:
            raise ExperimentError(
                "--weights needs a network of keras.applications: give --pretrained NAME too"
            )
        return {}
    for key in ("model.backbone", "model.weights"):
        if key in given:
            raise ExperimentError(f"{key} and --pretrained set the same thing: give one of them")
    file = None if weights is None else str(Path(weights).expanduser().absolute())
    if file is not None and pretrained in PUBLISHED and not Path(file).is_file():
        raise ExperimentError(f"there is no file {file}: --weights names a .h5 file of weights")
    named: dict[str, Any] = {"model.backbone": _place(pretrained), "model.weights": file}
    if pretrained in PUBLISHED:
        _refuse_body(pretrained, given)
        return named | {"model.architecture": variants.parse(pretrained).architecture}
    donor = _open_donor(pretrained)
    model, taken = donor.model, _body(donor)
    _refuse_others(
        pretrained, taken, {key.removeprefix("model."): value for key, value in given.items()}
    )
    head = {key: getattr(model, key) for key in HEAD}
    return named | {f"model.{key}": value for key, value in (taken | head).items()}


def moved(
    model: Model, pretrained: str | Path | None, weights: str | Path | None
) -> dict[str, Any]:
    """Return the changes to a settled experiment whose backbone or weights file has moved.

    Raises ExperimentError where it has none.
    """
    places: dict[str, Any] = {}
    for key, place in (("backbone", pretrained), ("weights", weights)):
        if place is not None:
            if getattr(model, key) in (None, *PUBLISHED):
                what = "run" if key == "backbone" else "file of weights"
                raise ExperimentError(f"it did not start from a {what}: leave out {place}")
            places[f"model.{key}"] = str(Path(place).expanduser().absolute())
    return places


def settled(model: Model, say: Say = silent) -> dict[str, Any]:
    """Return what an experiment takes from its backbone: layers, and a SHA-256 of its weights.

    ImageNet weights are downloaded where they are not there yet; `say` is told. Raises
    ConvladderError where there is no such backbone, or another than the experiment says.
    """
    if model.backbone is None:
        if model.pretrained or model.architecture == AS_BACKBONE:
            raise ExperimentError(
                "there is no backbone to start from: give --pretrained NAME (of "
                "keras.applications, such as MobileNetV2) or --pretrained RUN (the folder of a "
                "run, or a bundle)"
            )
        return {}
    taken = _taken(model)
    if model.architecture != AS_BACKBONE:
        _refuse_others(model.backbone, taken, dict(model))
    sha256 = _find(model, say)
    _check_same(model, sha256)
    found = {"backbone": _place(model.backbone), "backbone_sha256": sha256}
    return {f"model.{key}": value for key, value in (taken | found).items()}


def with_backbone(experiment: Experiment, say: Say = silent) -> Experiment:
    """Return the experiment with what it takes from its backbone. Raises ConvladderError."""
    return experiment.replace(settled(experiment.model, say))


def load(model: Model) -> Backbone | None:
    """Return what a settled experiment's backbone gives, if any. Raises ConvladderError."""
    from convladder.models.convnet import Statistics
    from convladder.models.networks import Backbone

    if model.backbone is None:
        return None
    arrays, about = _weights(model)
    statistics = about.get("statistics")
    return Backbone(arrays, Statistics(*map(tuple, statistics)) if statistics else None)


def packed(model: Model) -> bytes:
    """Return a settled experiment's weights, for another machine's cache. Raises RunError."""
    return weight_cache.packed(*_weights(model))


def _taken(model: Model) -> dict[str, Any]:
    """Return the settings of the layers that a backbone gives."""
    assert model.backbone is not None
    if model.backbone in PUBLISHED:
        return {"architecture": _named(model.backbone, model.weights)}
    if model.weights:
        raise ExperimentError(
            "--weights is for networks of keras.applications: a run has its own weights"
        )
    return _body(_open_donor(model.backbone))


def _named(name: str, weights: str | None) -> str:
    """Return the architecture of a network of keras.applications by the name of its weights."""
    architecture = variants.parse(name).architecture
    if weights and name != architecture:
        raise ExperimentError(
            f"{name} says which weights to download, and --weights names a file of weights: give "
            f"--pretrained {architecture} with it"
        )
    return architecture


def _body(donor: PretrainedSource) -> dict[str, Any]:
    """Return the settings of the layers of a trained network before its head."""
    model = donor.model
    taken = {key: getattr(model, key) for key in BODY}
    if model.architecture == OWN:
        taken["channels"] = model.channels or donor.channels
    return taken


def _refuse_others(backbone: str, taken: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raise ExperimentError where a setting of the backbone's layers is given otherwise."""
    for key, value in taken.items():
        own = tuple(given[key]) if isinstance(given.get(key), list) else given.get(key)
        if key in given and own != value:
            raise ExperimentError(
                f"model.{key} is {written(own)} here, and {written(value)} in the backbone "
                f"{backbone}, whose layers cannot be changed. Leave out the option or the ladder "
                f"that sets it (not {PRETRAINED_LADDER})"
            )


def _refuse_body(name: str, given: Mapping[str, Any]) -> None:
    """Raise ExperimentError for settings that a network of keras.applications ignores."""
    for key in given:
        if key.removeprefix("model.") in BODY and key.startswith("model."):
            raise ExperimentError(
                f"{key} is for networks that convladder builds, and {name} is fixed. Its settings "
                f"are {', '.join(f'model.{each}' for each in HEAD)}"
            )


def _place(backbone: str) -> str:
    """Return a name as it is, and the path of a run or a bundle from the root."""
    return backbone if backbone in PUBLISHED else str(Path(backbone).expanduser().absolute())


def _open_donor(place: str) -> PretrainedSource:
    """Return what a run or bundle gives. Raises RunError, BundleError or ExperimentError."""
    path = Path(place).expanduser()
    if not path.exists() and path.name == place and not source.is_bundle(path):
        raise ExperimentError(
            variants.unknown(place, PUBLISHED, "backbone") + " (to use a run, give its folder)"
        )
    return source.open_donor(path)


def _find(model: Model, say: Say) -> str | None:
    """Return the SHA-256 of what is taken; None where that is nothing but the name of a network."""
    assert model.backbone is not None
    if (
        model.backbone in PUBLISHED
        and model.backbone_sha256
        and weight_cache.is_kept(model.backbone_sha256)
    ):
        return model.backbone_sha256  # wherever the file is by now
    if model.backbone not in PUBLISHED:
        return _open_donor(model.backbone).sum()
    if not model.pretrained:
        return None
    return imagenet.find(model.backbone, model.weights, say)


def _weights(model: Model) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return what a settled experiment takes from the cache, or from its backbone's run."""
    assert model.backbone is not None
    sha256 = model.backbone_sha256
    if sha256 is None and model.backbone in PUBLISHED:
        return {}, {}
    if sha256 is not None and (model.backbone in PUBLISHED or weight_cache.is_kept(sha256)):
        return weight_cache.read(sha256)
    arrays, about = map(dict, _open_donor(model.backbone).read())
    _check_same(model, weight_cache.sum_of(arrays, about))
    return arrays, about


def _check_same(model: Model, sha256: str | None) -> None:
    if model.backbone_sha256 is not None and sha256 != model.backbone_sha256:
        raise RunError(
            f"the weights of the backbone {model.backbone} have changed since this was started. "
            "Restore the old ones, or start over with these (--fresh, or another --out)"
        )

"""A bundle, opened: all of it was checked, and nothing of it was run."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from convladder.core.errors import BundleError, ExperimentError
from convladder.results.bundle import graph_check, tensors
from convladder.results.bundle.container import CARD, CONTENTS, MODEL, WEIGHTS, Container, refusal
from convladder.results.bundle.schema import Contents

SUFFIX = ".convladder"


class Bundle:
    """What ships of a run: one file, all of it checked, and nothing of it run.

    `contents` says all of it that is no array, `card` is the model card in Markdown.

    Parameters
    ----------
    path
        The file, such as `NAME.convladder`.

    Raises
    ------
    BundleError
        The file is no bundle, is damaged, or has anything in it that a bundle does not have.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with Container(self.path) as container:
            self.contents = read_contents(container)
            self.card = read_card(container)
            tensors.check(container, self.contents.tensors)
            container.check(WEIGHTS)
            self.graph = container.read(MODEL)
            self.parts = container.manifest.files
        try:
            graph_check.check(self.graph, len(self.contents.class_names))
        except ValueError as error:
            raise refusal(self.path, f"{MODEL}: {error}") from None

    @cached_property
    def weights(self) -> tensors.Arrays:
        """The weights by their paths in the network.

        Raises
        ------
        BundleError
            The file was replaced in the meantime, or is damaged.
        """
        with Container(self.path) as container:
            if container.manifest.files[WEIGHTS] != self.parts[WEIGHTS]:
                raise BundleError(
                    f"{self.path} was replaced by another bundle in the meantime: open it again"
                )
            return tensors.read(container, self.contents.tensors)


def read_card(container: Container) -> str:
    """Return the model card. Raises BundleError."""
    return container.read(CARD).decode("utf-8", errors="replace")


def read_contents(container: Container) -> Contents:
    """Return all of it that is no array, checked. Raises BundleError."""
    content = container.read(CONTENTS)
    try:
        return Contents.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}"
    except ExperimentError as error:
        why = f"experiment: {error}"
    raise refusal(container.path, f"{CONTENTS}: {why}")

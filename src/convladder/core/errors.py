"""The exceptions that convladder raises for what a person can put right.

    ConvladderError
    ├── ExperimentError       a setting that does not exist, or a value that it cannot take
    ├── LadderError           a ladder or a rung that does not exist, or a ladder file that is wrong
    ├── SearchError           a search space that is wrong, or a search that found nothing
    ├── DataError             a source that cannot be read, or too few images in it
    │   └── UnreadableImage   one file that is not an image; `reason` is its code
    ├── RunError              a folder that is no run, or holds another one
    ├── BundleError           a file that is no bundle, or holds what a bundle does not have
    ├── ExportError           an export that does not predict what the network predicts
    ├── TrainingError         a training that cannot go on
    └── ClusterError          a cluster that is not there, or whose nodes are of other versions

Each message is one line: what was expected, what came, and what to do.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from typing import Self  # from Python 3.11 on; exports carry this module, and run on older ones

Kind = TypeVar("Kind", bound="ConvladderError")


class ConvladderError(Exception):
    """The base of all errors that a person can put right.

    Each keeps its class, message and attributes when it is pickled, as on the way from a worker.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # without its constructor, which may take other arguments than those that Exception keeps
        return _restored, (type(self), self.args, dict(self.__dict__))

    def copied(self) -> Self:
        """Return the same error without its traceback, whose frames hold much.

        Returns
        -------
        ConvladderError
            An error of the same class.
        """
        return _restored(type(self), self.args, dict(self.__dict__))


class ExperimentError(ConvladderError):
    """A setting that does not exist, or a value that it cannot take."""


class LadderError(ConvladderError):
    """A ladder or a rung that does not exist, or a ladder file that is wrong."""


class SearchError(ConvladderError):
    """A search space that is wrong, or a search that found nothing."""


class DataError(ConvladderError):
    """A source that cannot be read, or too few images in it."""


class UnreadableImage(DataError):
    """One file that is not an image. `reason` is a short code, `detail` says more."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class RunError(ConvladderError):
    """A folder that is no run, or that holds another one."""


class BundleError(ConvladderError):
    """A file that is no bundle, is damaged, or has something in it that a bundle does not have."""


class ExportError(ConvladderError):
    """An export that does not predict what the network predicts."""


class TrainingError(ConvladderError):
    """A training that cannot go on."""


class ClusterError(ConvladderError):
    """A cluster that is not there, or whose nodes are of other versions."""


def _restored(kind: type[Kind], args: tuple[Any, ...], attributes: dict[str, Any]) -> Kind:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


def is_full_disk(error: BaseException | None) -> bool:
    """Whether an error comes of a full disk, or of a quota, which a person can put right."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False

"""What the page calls a classifier: bundles have no name of their own."""

from __future__ import annotations

import re

from convladder.core.formatting import short_name
from convladder.results.bundle.bundle import SUFFIX, Bundle

_DATED = re.compile(r"^\d{4}-\d\d-\d\d-\d{6}-")  # as `convladder train` names its folders
_OF_ANY = re.compile(r"bundle|(fold-\d+-)?seed-\d+")  # as all runs, or all of a climb, are called


def name_of(bundle: Bundle) -> str:
    """Return the name of a bundle's file; where all are called alike, that of its images."""
    name = _DATED.sub("", bundle.path.name.removesuffix(SUFFIX))
    if name and not _OF_ANY.fullmatch(name):
        return name
    return short_name(bundle.contents.experiment.data.source)

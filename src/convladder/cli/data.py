"""What looks at images, and at those that are decoded already."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convladder.cli import data_output
from convladder.cli.arguments import (
    AsJson,
    Changes,
    DataArgument,
    QuietOption,
    Settings,
    errors,
    given_settings,
    interruptible,
)
from convladder.cli.browser import Opener, OpenPage
from convladder.cli.data_options import READING, data_options
from convladder.core.errors import ExperimentError


@data_options(READING)
def check(
    data: DataArgument,
    page: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a page with pictures to this file."),
    ] = None,
    changes: Changes = None,
    open_page: OpenPage = False,
    as_json: AsJson = False,
    quiet: QuietOption = False,
    *,
    settings: Settings,
) -> None:
    """Find broken files, copies, leaks and odd images before you train.

    It reads every file. The exit status is 0 if there are no problems, 1 if there are some, and 2
    if the data cannot be read.
    """
    from convladder.api import data as images
    from convladder.results import outputs

    given = given_settings(settings, None, None, changes)
    if open_page and not page:
        raise ExperimentError("--open needs a page to open: give --html FILE")
    if page:
        outputs.check_page(page, data, given.get("data.image_root"))
    with interruptible():
        checked = images.check(data, changes=given, quiet=quiet)
    written = Opener(open_page)(checked.report(page)) if page else None
    data_output.check(checked, written, json_wanted=as_json)
    if checked.findings:
        raise typer.Exit(1)


def cache(
    clear: Annotated[
        bool,
        typer.Option("--clear", help="Delete all decoded images and downloaded backbone weights."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show or delete the decoded images in the cache.

    convladder decodes images again when it needs them.
    """
    from convladder.core.places import cache_folder
    from convladder.data.bank.cache import clear_banks, list_banks
    from convladder.experiments.pretrained import feature_bank, imagenet

    if clear:
        imagenet.clear()
        feature_bank.clear()
        count, size = clear_banks()
        errors.print(f"deleted {count} decoded data sets, {size / 1e6:,.1f} MB", markup=False)
    data_output.banks(list(list_banks()), cache_folder(), json_wanted=as_json)

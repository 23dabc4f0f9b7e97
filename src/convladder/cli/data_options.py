"""The options about data, which several commands share, handed over as settings."""

from __future__ import annotations

import csv
import functools
import inspect
import re
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer

from convladder.cli.typer_options import keyword, set_signature, typed
from convladder.core.errors import ExperimentError
from convladder.core.options import definitions
from convladder.experiments.request import ClimbRequest


def _option(kind: Any, flag: str, metavar: str, text: str, **more: Any) -> Any:
    return Annotated[kind, typer.Option(flag, metavar=metavar, help=text, **more)]


TABLES = {
    "path_column": _option(
        str | None, "--path-column", "NAME", "Column that holds the image paths (tables)."
    ),
    "label_column": _option(
        str | None, "--label-column", "NAME", "Column that holds the classes (tables)."
    ),
    "split_column": _option(
        str | None, "--split-column", "NAME", "Column that holds the splits (tables)."
    ),
    "image_root": _option(
        str | None,
        "--image-root",
        "FOLDER",
        "Folder of the images (tables); default: the folder of the table.",
    ),
    "follow_links": Annotated[
        bool | None,
        typer.Option("--follow-links", help="Follow symbolic links."),
    ],
    "class_level": _option(
        str | None,
        "--class-level",
        "top|leaf",
        "Which of nested folders are the classes; default: the top ones.",
    ),
    "label_pattern": _option(
        str | None,
        "--label-pattern",
        "REGEX",
        "Regular expression; its match in a path is the class (for files named by class).",
    ),
    "classes": _option(
        str | None,
        "--classes",
        "A,B,C",
        "Use only these classes; put names that contain a comma in double quotes: '\"tench, Tinca "
        "tinca\",cat'.",
    ),
}
READING = TABLES | {
    "group_column": _option(
        str | None,
        "--group-column",
        "NAME",
        "Column that holds the groups (patient, video), which stay in one split (tables).",
    ),
    "group_pattern": _option(
        str | None,
        "--group-pattern",
        "REGEX",
        "Regular expression; its match in a path is the group, such as 'patient(\\d+)'.",
    ),
    "copies": _option(
        str | None,
        "--copies",
        "near|exact|off",
        "Which images count as copies; default: near (also cropped or in other colours).",
    ),
    "image_size": _option(
        str | None, "--image-size", "N|HxW", "Image size in pixels; default: from the images."
    ),
}
SPLITTING = {
    "min_images": _option(
        int | None, "--min-images", "N", "Leave out classes with fewer images.", min=1
    ),
    "on_leak": _option(
        str | None,
        "--on-leak",
        "drop|keep|refuse",
        "What to do if copies or groups cross the splits; default: refuse.",
    ),
    "folds": typed(definitions(ClimbRequest)["folds"]),
    "limit": _option(
        int | None,
        "--limit",
        "N",
        "Use a stratified subset of so many images, for a first try.",
        min=1,
    ),
}


def data_options(*groups: dict[str, Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of these groups; it gets those given as `data`."""
    options = {name: kind for group in groups for name, kind in group.items()}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**values: Any) -> None:
            given = {name: values.pop(name) for name in options}
            command(**values, settings=as_settings(given))

        hints = get_type_hints(command, include_extras=True)
        own = [
            parameter.replace(annotation=hints[name])
            for name, parameter in inspect.signature(command).parameters.items()
            if name != "settings"
        ]
        set_signature(run, [*own, *(keyword(name, kind, None) for name, kind in options.items())])
        return run

    return decorate


def as_settings(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options given, as settings under dotted keys. Raises ExperimentError."""
    settings = {f"data.{name}": value for name, value in given.items() if value is not None}
    if "data.classes" in settings:
        settings["data.classes"] = parse_names(settings["data.classes"])
    if "data.image_size" in settings:
        settings["data.image_size"] = parse_size(settings["data.image_size"])
    return settings


def parse_names(text: str) -> list[str]:
    """Read names with commas between, as in a line of CSV. Raises ExperimentError.

    >>> parse_names('cat, "tench, Tinca tinca"')
    ['cat', 'tench, Tinca tinca']
    """
    try:
        rows = list(csv.reader([text], skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise ExperimentError(
            "--classes needs names separated by commas, in double quotes if a name contains one, "
            f"such as '\"tench, Tinca tinca\",cat'; got {text!r} ({error})"
        ) from None
    return [name.strip() for row in rows for name in row if name.strip()]


def parse_size(text: str) -> tuple[int, int]:
    """Read `N` or `HEIGHTxWIDTH`. Raises ExperimentError."""
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise ExperimentError(
            f"--image-size needs N or HEIGHTxWIDTH in pixels, such as 64 or 48x64; got {text!r}"
        )
    return int(parts[0]), int(parts[-1])


def parse_time(text: str) -> float:
    """Read a time such as `90s`, `30m` or `1h30m` as seconds. Raises ExperimentError.

    A number alone is seconds.

    >>> parse_time("1h30m"), parse_time("90")
    (5400.0, 90.0)
    """
    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", text.strip().lower())
    hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    total = 3600 * hours + 60 * minutes + seconds
    if not total:
        raise ExperimentError(f"--time needs a time such as 90s, 30m or 1h30m; got {text!r}")
    return float(total)

"""The words in capitals that `--help` shows in the place of a value, and what each stands for."""

from __future__ import annotations

VALUES = {
    "A,B,C": "names with commas between them",
    "ADDRESS": "where to find a Ray cluster, or where to listen",
    "BUNDLE": "a `.convladder` file, or the folder of a run",
    "CLIMB": "the folder of a climb, such as `climbs/NAME`",
    "DATA": "your images: a folder with one folder per class, or another source "
    "([all sources](data.md))",
    "FILE": "the path of a file",
    "FOLDER": "the path of a folder",
    "FORMAT": "a format to export to ([all formats](shipping.md))",
    "HOST:PORT": "a machine and its port, such as `192.168.0.10:9876`",
    "HxW": "height and width in pixels, such as `48x64`",
    "K": "a whole number",
    "KEY=VALUE": "a setting and its value ([all settings](settings.md))",
    "METRIC": "what networks are judged by ([all metrics](metrics.md))",
    "N": "a whole number",
    "NAME": "a name; of rungs and ladders see [all ladders](ladders.md)",
    "PATHS": "one path or several, of files or folders",
    "PERCENT": "a number from 0 to 100",
    "POINTS": "percentage points, such as `1` between 80 % and 81 %",
    "PORT": "a number from 0 to 65535",
    "REGEX": "a regular expression",
    "RUN": "the folder of a run, such as `runs/NAME` or `climbs/NAME/trials/RUNG/seed-0`",
    "SHARE": "a number from 0 to 1, such as `0.95`",
    "TIME": "a time, such as `90s`, `30m` or `1h30m`",
    "URI": "an address of MLflow ([tracking](tracking.md))",
    "URL": "an address on the web, such as `https://app.example.org`",
}


def words_in(metavar: str) -> list[str]:
    """Return the words in capitals of which an option takes one; others are to be typed as shown.

    >>> words_in("NAME|FILE"), words_in("RUN..."), words_in("near|exact|off"), words_in("HOST:PORT")
    (['NAME', 'FILE'], ['RUN'], [], ['HOST:PORT'])
    """
    words = metavar.removesuffix("...").split("|")
    return [word for word in words if not word.islower()]

"""What people read holds no phrase that nobody says; CONTRIBUTING.md has the rules behind it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAY = {
    "a line a request": "one line per request",
    "a row a": "one row per",
    "a row an": "one row per",
    "as they are and made worse": "clean and degraded",
    "begin anew": "start over",
    "begun anew": "restarted",
    "begun otherwise": "started differently",
    "come to the same bits": "are bit-for-bit identical",
    "comes to the same bits": "is bit-for-bit identical",
    "careful:": "warning:",
    "for want of": "because it lacks",
    "goes on where it was": "resumes",
    "gone on with": "resumed",
    "had better": "should",
    "in its turn": "in order",
    "its turn": "in order",
    "in truth": "actually",
    "is meant over": "is averaged over",
    "least true difference": "smallest true difference",
    "made worse": "degraded",
    "make room": "free some space",
    "meant over": "averaged over",
    "mend": "repair",
    "mind that": "note that",
    "mind this": "warning",
    "never parted": "kept in one split",
    "of a table: the": "(tables)",
    "of a table, the": "(tables)",
    "not sure enough": "underconfident",
    "parted into": "split into",
    "predicted rightly": "predicted correctly",
    "reckon": "compute",
    "some day": "sooner or later",
    "that is told": "convladder says so",
    "which is told": "convladder says so",
    "the same command begins": "run the same command to start again",
    "the same command goes on": "run the same command to resume",
    "the same commands go on": "run the same commands to resume",
    "taken for what": "which classes it confuses",
    "too sure of itself": "overconfident",
    "wherefrom": "from where",
    "who looks often": "the more often you look",
    "would be called": "would be found",
}
_ANY = re.compile(
    "|".join(rf"(?<!\w){re.escape(phrase)}(?!\w)" for phrase in sorted(SAY, key=len, reverse=True)),
    re.IGNORECASE,
)


def _pages() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _sources() -> list[Path]:
    source = ROOT / "src/convladder"
    kinds = (".py", ".html", ".js", ".md", ".toml")
    return sorted(path for path in source.rglob("*") if path.suffix in kinds)


def _texts(path: Path) -> Iterator[str]:
    """Yield what a person may read of a file: of Python its strings, docstrings among them."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield text
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _found(text: str) -> list[str]:
    return [match[0].lower() for match in _ANY.finditer(" ".join(text.split()))]


@pytest.mark.parametrize("page", _pages(), ids=lambda page: page.name)
def test_the_docs_hold_no_phrase_that_nobody_says(page: Path) -> None:
    assert [f"{each!r}: say {SAY[each]!r}" for each in _found(page.read_text("utf-8"))] == []


def test_the_source_says_nothing_that_nobody_says() -> None:
    found = [
        f"{path.relative_to(ROOT)} has {each!r}: say {SAY[each]!r}"
        for path in _sources()
        for text in _texts(path)
        for each in _found(text)
    ]
    assert found == []


def test_a_phrase_is_found_across_lines_and_only_as_whole_words() -> None:
    assert _found("Images that were MADE\n  worse.") == ["made worse"]
    assert _found("Recommended: an amendment.") == []

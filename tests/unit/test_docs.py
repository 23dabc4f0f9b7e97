"""What the docs lead to is there: decisions that are named, and local links with their anchors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECISIONS = ROOT / "docs" / "decisions"
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "benchmarks").glob("*.md")),
]
COLUMNS = 100  # as in code
CODE = [
    *(ROOT / name for name in ("pyproject.toml", "Makefile", "docs/make_tables.py")),
    *(
        path
        for room in ("src", "tests", "benchmarks")
        for path in sorted((ROOT / room).rglob("*.py"))
    ),
]


def test_every_decision_that_is_named_is_there() -> None:
    named = {
        (str(path.relative_to(ROOT)), name)
        for path in PAGES + CODE
        for name in re.findall(r"decisions/(\d[\w-]*\.md)", path.read_text(encoding="utf-8"))
    }
    assert named
    assert [each for each in sorted(named) if not (DECISIONS / each[1]).is_file()] == []


def test_every_decision_has_a_number_of_its_own_and_is_listed() -> None:
    names = [path.name for path in sorted(DECISIONS.glob("*.md")) if path.name != "README.md"]
    numbers = [name.partition("-")[0] for name in names]
    assert numbers == sorted(set(numbers))
    listed = _links((DECISIONS / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == names


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_local_link_leads_somewhere(page: Path) -> None:
    links = _links(page.read_text(encoding="utf-8"))
    assert [link for link in links if not _leads_somewhere(page, link)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_line_of_prose_is_wider_than_those_of_code(page: Path) -> None:
    assert [line for line in _prose(page.read_text("utf-8")) if len(line) > COLUMNS] == []


def test_tables_code_and_the_targets_of_links_may_be_wider() -> None:
    wide = "w" * (COLUMNS + 1)
    page = f"{wide}\n| {wide} |\n```\n{wide}\n```\n    {wide}\n- [here]({wide}): {wide}"
    assert [line for line in _prose(page) if len(line) > COLUMNS] == [wide, f"- [here](): {wide}"]


def _prose(text: str) -> list[str]:
    """Return the lines that are neither of a table nor of code, without the targets of links."""
    prose = re.sub(r"^```.*?^```$|^(?: *\||    ).*?$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"\]\([^)\s]+\)", "]()", prose).splitlines()


def _links(text: str) -> list[str]:
    """Return the targets of Markdown's links and pictures that are no addresses."""
    prose = re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.DOTALL | re.MULTILINE)
    targets: list[str] = re.findall(r"\]\(([^)\s]+)\)", prose)
    return [target for target in targets if not re.match(r"https?:|mailto:", target)]


def _leads_somewhere(page: Path, link: str) -> bool:
    place, _, anchor = link.partition("#")
    path = (page.parent / place) if place else page
    return path.exists() and (not anchor or anchor in _anchors(path))


def _anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}

"""The tables in docs/ are those of what was measured."""

from __future__ import annotations

import re
from pathlib import Path

import page
from _harness import results, tables
from speed.rows import ROWS


def test_the_page_holds_what_was_measured() -> None:
    texts = [path.read_text(encoding="utf-8") for path in page.PAGES]
    assert [page.fill(text, results.RESULTS) for text in texts] == texts, (
        "python benchmarks/page.py makes it anew"
    )
    by_hand = re.sub(r"<!-- table.*?<!-- end -->", "", texts[0], flags=re.DOTALL)
    assert [name for name in ROWS if f"**{name}**" not in by_hand] == [], (
        "what limits it is not said"
    )
    assert all(f"<!-- table: {name} -->" in "".join(texts) for name in tables.MAKERS)


def test_what_was_not_measured_is_said(tmp_path: Path) -> None:
    for name, command in (("growth", "make bench ONLY=growth"), ("kills", "make safety")):
        said = page.fill(f"<!-- table: {name} -->\n<!-- end -->", tmp_path)
        assert f"Not measured yet (`{command}`)" in said

"""The table of panels: each is a row and a template, and stands on the page in its order."""

from __future__ import annotations

from pathlib import Path

import jinja2
import numpy as np
import pytest

import convladder as cl
from convladder.report import panels, templating
from convladder.report.panels import SECTIONS, Panel, Subject
from made_runs import make_run, share_right

TEMPLATES = Path(templating.__file__).parent / "templates" / "panels"


def test_each_panel_has_a_template_and_each_template_a_panel() -> None:
    named = [panel.name for panels_of_it in SECTIONS.values() for panel in panels_of_it]
    assert sorted(named) == sorted(path.stem for path in TEMPLATES.iterdir())


def test_a_panel_is_added_by_a_row_and_a_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def smallest(subject: Subject) -> dict[str, object]:
        return {"smallest": int(np.min(subject.run.samples.pixels))}

    added = (*SECTIONS["mistakes"], Panel("smallest", smallest))
    monkeypatch.setattr(panels, "SECTIONS", SECTIONS | {"mistakes": added})
    own = jinja2.DictLoader({"panels/smallest.html": "<h3>Smallest: {{ smallest }}</h3>"})
    loader = jinja2.ChoiceLoader([jinja2.PackageLoader("convladder.report"), own])
    monkeypatch.setattr(templating.environment(), "loader", loader)
    run = make_run(tmp_path / "run", right=share_right(0.7, 60, 0))
    page = cl.Run(run.folder).report().read_text(encoding="utf-8")
    assert page.index("Confusion matrix") < page.index("<h3>Smallest: ")

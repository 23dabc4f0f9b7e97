"""The card on the page: what its author answered, and no markup of theirs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convladder.deploy.serve import card_page
from convladder.results import model_card
from made_runs import make_run


@pytest.fixture
def card(tmp_path: Path) -> str:
    run = make_run(tmp_path / "run", right=np.arange(60) % 3 > 0)
    return model_card.without_paths(run)


def test_a_new_card_has_its_figures_and_no_questions(card: str) -> None:
    assert model_card.open_questions(card) == 7
    page = card_page.render(card)
    assert "?" not in page
    assert "<em>" not in page
    assert "Licence" not in page
    assert "convladder:" not in page  # the marks
    assert "<h2>Model card: lenet5 on pets</h2>" in page
    assert "<td>accuracy on cat (30 images)</td>" in page


def test_sections_in_which_nothing_was_answered_are_left_out(card: str) -> None:
    page = card_page.render(card)
    assert "<h3>Ethical considerations</h3>" not in page
    assert "<h3>Factors</h3>" not in page
    assert "<h3>Intended use</h3>" in page  # the classes are there


def test_answers_stay(card: str) -> None:
    answered = card.replace("*who made it, and who answers questions?*", "Ada, ada@example.org.")
    answered = answered.replace(
        "*Who could be harmed by a wrong prediction, and what is done about it?*",
        "Nobody. *We asked: who else?* Then we tested.",
    )
    page = card_page.render(answered)
    assert "<p>Made by: Ada, ada@example.org.</p>" in page
    assert "<h3>Ethical considerations</h3>" in page
    assert "<em>We asked: who else?</em>" in page


def test_a_licence_without_an_author_stands_alone(card: str) -> None:
    answered = card.replace("*which licence do the model and the images have?*", "CC0.")
    assert "<p>Licence: CC0.</p>" in card_page.render(answered)


@pytest.mark.parametrize("markup", [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "a <b onclick=alert(1)>b</b>",
    "[link](javascript:alert(1))", "![picture](https://example.org/x.png)", "<style>*{}</style>",
    "| a |\n|--:|\n| <iframe src=x> |", "<!-- --><svg onload=alert(1)>",
])  # fmt: skip
def test_markup_of_the_author_becomes_words(markup: str) -> None:
    page = card_page.render(f"# A card\n\n{markup}\n")
    for element in ("<script", "<img", "<b", "<style", "<iframe", "<svg", "href=", "style="):
        if element != "href=" or "javascript" in markup:
            assert element not in page


def test_links_of_the_author_tell_no_one_where_they_were() -> None:
    page = card_page.render("See [ours](https://example.org/).")
    assert '<a href="https://example.org/" rel="noreferrer">ours</a>' in page


def test_a_heading_of_a_table_without_words_is_an_ordinary_cell() -> None:
    page = card_page.render("| on test | |\n|---|---|\n| accuracy | 1 |\n")
    assert "<th>on test</th>\n<td></td>" in page


def test_a_card_without_end_is_shown_as_it_is() -> None:
    page = card_page.render("# A card <b>\n" * card_page.LARGEST)
    assert page.startswith("<pre># A card &lt;b&gt;")

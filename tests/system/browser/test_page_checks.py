"""The checks of pages find what is wrong, and pass what is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from browsing import in_a_browser
from page_checks import PHONE, axe_violations, color_scheme, cut_off, overflowing, viewport

pytestmark = in_a_browser

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
<meta name="viewport" content="width=device-width"><style>
body {{ margin: 0; color: #000; background: #fff }}
@media (prefers-color-scheme: dark) {{ body {{ color: #333; background: #000 }} }}
</style></head><body><main><h1>A page</h1>{body}</main></body></html>"""
GOOD = """<p>Words.</p>
<div role="region" aria-label="A table" tabindex="0" style="overflow-x: auto">
<p style="width: 900px">It scrolls by itself.</p></div>"""
UNNAMED, WIDE = "<button></button>", '<p id="wide" style="width: 391px">Too wide.</p>'
CUT = '<p style="width: 40px; overflow: hidden; white-space: nowrap">cut in the middle</p>'


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Any:
    def open_page(body: str) -> Any:
        path = tmp_path / "page.html"
        path.write_text(PAGE.format(body=body))
        browser.get(path.as_uri())
        return browser

    return open_page


def test_nothing_is_found_in_a_good_page(show: Any, browser: Any) -> None:
    with viewport(browser, PHONE), color_scheme(browser, "light"):
        page = show(GOOD)
        assert axe_violations(page) == overflowing(page) == cut_off(page) == []


def test_an_element_wider_than_the_phone_is_named(show: Any, browser: Any) -> None:
    with viewport(browser, PHONE):
        assert overflowing(show(WIDE)) == ['p#wide "Too wide.": from 0.0 to 391.0 of 390 px']


def test_a_page_that_does_not_fit_itself_to_phones_is_too_wide(browser: Any) -> None:
    with viewport(browser, PHONE):
        browser.get("data:text/html,<p>It is laid out for a desktop.")
        assert overflowing(browser)


def test_text_that_is_cut_is_named(show: Any) -> None:
    (found,) = cut_off(show(CUT))
    assert found.startswith('p "cut in the middle": ')


def test_a_button_without_a_name_is_a_violation(show: Any) -> None:
    (found,) = axe_violations(show(UNNAMED))
    assert found.startswith("button-name (critical): button: ")


def test_contrast_is_judged_in_the_scheme_that_is_shown(show: Any, browser: Any) -> None:
    with color_scheme(browser, "light"):
        assert axe_violations(show(GOOD)) == []
    with color_scheme(browser, "dark"):
        assert any(each.startswith("color-contrast") for each in axe_violations(show(GOOD)))

"""What a page has to be for everyone, measured in a browser: accessible, and within its screen.

    with viewport(driver, 390), color_scheme(driver, "dark"):
        assert axe_violations(driver) == overflowing(driver) == cut_off(driver) == []

Each line names an element and says what is wrong with it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

AXE = Path(__file__).parent / "axe" / "axe.min.js"
PHONE, DESKTOP = 390, 1280  # pixels

_RUN_AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {preload: false, resultTypes: ['violations']}).then(
  (found) => done(found.violations.flatMap((rule) => rule.nodes.map((node) =>
    `${rule.id} (${rule.impact}): ${node.target.join(' ')}: ` +
    node.failureSummary.replace(/\\s+/g, ' ')))),
  (error) => done([`axe-core failed: ${error}`]));
"""
_TOLD = """
const told = (element) => element.tagName.toLowerCase() + (element.id && '#' + element.id) +
  [...element.classList].map((name) => '.' + name).join('') +
  ` "${element.textContent.trim().replace(/\\s+/g, ' ').slice(0, 40)}"`;
const shown = [...document.body.querySelectorAll('*')].filter(
  (element) => element.checkVisibility({visibilityProperty: true}));
const scrolls = (element) => ['auto', 'scroll'].includes(getComputedStyle(element).overflowX);
"""
_OVERFLOWING = (
    _TOLD
    + """
const limit = Math.min(document.documentElement.clientWidth, screen.width);
const hides = (element) => getComputedStyle(element).overflowX !== 'visible';
const within = (element) => {
  const {left, right} = element.getBoundingClientRect();
  return left >= -0.5 && right <= limit + 0.5;
};
const held = (element) => {
  for (let each = element.parentElement; each && each !== document.body; each = each.parentElement)
    if (hides(each) && within(each)) return true;
  return false;
};
return shown.filter((element) => !within(element) && !held(element)).map((element) => {
  const {left, right} = element.getBoundingClientRect();
  return `${told(element)}: from ${left.toFixed(1)} to ${right.toFixed(1)} of ${limit} px`;
});
"""
)
_CUT_OFF = (
    _TOLD
    + """
const speaks = (element) => [...element.childNodes].some(
  (node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
return shown.filter((element) => speaks(element) && !scrolls(element) && !element.closest('svg') &&
    element.clientWidth > 1 && element.scrollWidth > element.clientWidth + 1)
  .map((element) => `${told(element)}: ${element.scrollWidth} px in ${element.clientWidth} px`);
"""
)


def axe_violations(driver: Any) -> list[str]:
    """Return what axe-core finds wrong with the page: WCAG A and AA, and its best practices."""
    if not driver.execute_script("return Boolean(window.axe)"):
        driver.execute_script(AXE.read_text(encoding="utf-8"))
    return list(driver.execute_async_script(_RUN_AXE))


def overflowing(driver: Any) -> list[str]:
    """Return the elements that reach beyond the screen; what scrolls by itself is looked over."""
    return list(driver.execute_script(_OVERFLOWING))


def cut_off(driver: Any) -> list[str]:
    """Return the elements whose text is longer than their box: it is cut, or lies over others."""
    return list(driver.execute_script(_CUT_OFF))


@contextlib.contextmanager
def viewport(driver: Any, width: int, height: int = 900) -> Iterator[None]:
    """Show pages this many pixels wide within the block; below 500 as a phone does."""
    metrics = {
        "width": width,
        "height": height,
        "screenWidth": width,
        "screenHeight": height,
        "deviceScaleFactor": 1,
        "mobile": width < 500,
    }
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        yield
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@contextlib.contextmanager
def color_scheme(driver: Any, scheme: Literal["light", "dark"]) -> Iterator[None]:
    """Show pages as to a person who prefers light, or dark, within the block."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    try:
        yield
    finally:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

"""The filters of templates."""

from __future__ import annotations

import pytest

from convladder.report.templating import environment

WHOLE = '<span class="unbroken">{}</span>'


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("take batch-norm.", ["batch-norm"], f"take {WHOLE.format('batch-norm')}."),
        ("take lenet5.", ["lenet5"], "take lenet5."),
        (
            "batch-norm-late, batch-norm",
            ["batch-norm", "batch-norm-late"],
            f"{WHOLE.format('batch-norm-late')}, {WHOLE.format('batch-norm')}",
        ),
        ("batch-normal, a-batch-norm", ["batch-norm"], "batch-normal, a-batch-norm"),
        ("<b>a-<b</b>", ["a-<b"], f"&lt;b&gt;{WHOLE.format('a-&lt;b')}&lt;/b&gt;"),
    ],
)
def test_names_are_kept_whole_and_all_text_is_escaped(
    text: str, names: list[str], expected: str
) -> None:
    template = environment().from_string("{{ text|unbroken(names) }}")
    assert template.render(text=text, names=names) == expected

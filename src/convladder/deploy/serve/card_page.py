"""The model card for the page: HTML without any markup of its author, and without open questions.

A card comes with a bundle, which may be a stranger's.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from itertools import dropwhile

from markdown_it import MarkdownIt
from markdown_it.token import Token

LARGEST = 2**18  # characters that are rendered: more would keep the server from starting

_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_LABEL = re.compile(r"(?:^|\s+)[A-Z][\w ]*:\s*$")  # before a question, such as "Made by: "
_LOWEST = 6  # of headings


def render(card: str) -> str:
    """Return a card as HTML: its title is a heading of the second level.

    >>> render("# Card\\n\\nMade by: *who?* Licence: MIT. <b>Bold</b>\\n\\n## Use\\n\\n*For what?*")
    '<h2>Card</h2>\\n<p>Licence: MIT. &lt;b&gt;Bold&lt;/b&gt;</p>\\n'
    """
    text = _COMMENT.sub("", card)
    if len(text) > LARGEST:
        return f"<pre>{html.escape(text)}</pre>"
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    blocks = _without_empty_sections(_answered(_blocks(markdown.parse(text))))
    tokens = [token for block in blocks for token in block]
    for token in tokens:
        _adapt(token)
    _name_header_cells(tokens)
    return str(markdown.renderer.render(tokens, markdown.options, {}))


Block = list[Token]


def _blocks(tokens: Sequence[Token]) -> Iterator[Block]:
    """Yield the tokens of each heading, paragraph, list and so on."""
    block: Block = []
    for token in tokens:
        block.append(token)
        if token.level == 0 and token.nesting <= 0:
            yield block
            block = []


def _answered(blocks: Iterator[Block]) -> Iterator[Block]:
    """Yield blocks without questions; paragraphs of nothing else are left out."""
    for block in blocks:
        if block[0].type != "paragraph_open":
            yield block
        elif words := _without_questions(block[1].children or []):
            block[1].children = words
            yield block


def _without_questions(words: list[Token]) -> list[Token]:
    """Return the words of a paragraph without its questions in italics and their labels.

    Only such questions count as have a label before them, or no other words beside them.
    """
    kept: list[Token] = []
    place = 0
    while place < len(words):
        end = _end_of_question(words, place)
        if end is None:
            kept.append(words[place])
            place += 1
            continue
        if kept and kept[-1].type == "text" and _LABEL.search(kept[-1].content):
            kept[-1].content = _LABEL.sub("", kept[-1].content)
        elif not _is_blank(words[:place]) or not _is_blank(words[end:]):
            kept += words[place:end]
        place = end
    kept = list(dropwhile(lambda word: _is_blank([word]), kept))
    if kept:
        kept[0].content = kept[0].content.lstrip()
    return kept


def _end_of_question(words: Sequence[Token], place: int) -> int | None:
    """Return the place after a question in italics that begins here, if one does."""
    kinds = [token.type for token in words[place : place + 3]]
    asked = kinds == ["em_open", "text", "em_close"] and words[place + 1].content.endswith("?")
    return place + 3 if asked else None


def _is_blank(words: Sequence[Token]) -> bool:
    return not any(token.content.strip() for token in words)


def _without_empty_sections(blocks: Iterator[Block]) -> list[Block]:
    """Return blocks without headings that have nothing below them."""
    kept: list[Block] = []
    for block in reversed([*blocks]):
        level, below = _level(block), _level(kept[-1]) if kept else 1
        if level is None or below is None or below > level:
            kept.append(block)
    return kept[::-1]


def _level(block: Block) -> int | None:
    """Return the level of a heading; None of anything else."""
    return int(block[0].tag[1:]) if block[0].type == "heading_open" else None


def _adapt(token: Token) -> None:
    """Fit a block into the page: headings below its own, and no styles, which it does not allow."""
    token.attrs.pop("style", None)
    if token.type.startswith("heading"):
        token.tag = f"h{min(int(token.tag[1:]) + 1, _LOWEST)}"
    for word in token.children or []:
        if word.type == "link_open":
            word.attrs["rel"] = "noreferrer"


def _name_header_cells(tokens: Sequence[Token]) -> None:
    """Make ordinary cells of header cells without words."""
    for opened, inside, closed in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if opened.type == "th_open" and not inside.content:
            opened.tag = closed.tag = "td"

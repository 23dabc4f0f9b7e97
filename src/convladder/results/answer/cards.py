"""A card of the first screen."""

from __future__ import annotations

from dataclasses import dataclass

from convladder.results.answer.sentences import Sentence


@dataclass(frozen=True)
class Card:
    """A few sentences under a heading, with a command that does what they speak of.

    brings : what the command brings. note : in small print, what to know of the sentences.
    """

    heading: str
    sentences: tuple[Sentence, ...]
    command: str | None = None
    brings: str = ""
    note: str = ""


@dataclass(frozen=True)
class FirstScreen:
    """What a page says first: what was found, in words, and a few cards."""

    title: str
    cards: tuple[Card, ...]

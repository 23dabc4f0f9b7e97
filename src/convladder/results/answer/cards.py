"""What a page says first: what was found, and a few cards."""

from __future__ import annotations

from dataclasses import dataclass

from convladder.results.answer.sentences import Sentence, plain


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

    def said(self) -> str:
        """Return it as plain text, without its command."""
        stop = "" if self.heading.endswith("?") else "."
        return f"{self.heading}{stop} {plain(*self.sentences)}"


@dataclass(frozen=True)
class Answer:
    """What was found, in words, and a few cards, the first of which says what to do."""

    title: str
    cards: tuple[Card, ...]

    def and_card(self, card: Card) -> Answer:
        """Return it with one more card."""
        return Answer(self.title, (*self.cards, card))

    def said(self) -> str:
        """Return it as plain text."""
        return " ".join([self.title, *(card.said() for card in self.cards)])

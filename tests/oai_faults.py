"""What a fake OAI-PMH server does wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Faults:
    """What goes wrong. The numbers say at every how many answers (0: never); counting starts with the server."""

    expire_every: int = 0  # of requests with a token: it is refused
    busy_every: int = 0  # 503, to come again in a second: by seconds and by date, in turn
    cut_every: int = 0  # the body breaks off, with and without a length, in turn
    html_every: int = 0  # a page for people, with status 200
    doctype_every: int = 0
    move_every: int = 0  # of list pages: a record that was delivered is changed
    moves: int = 20  # at most
    pinned: bool = False  # "nothing since DAY" is answered for every fourth day, whatever there is
    illegal: bool = False  # characters that XML forbids are sent
    skewed: bool = False  # the date of answers is two days late, right, two days early, in turn
    repeating: bool = False  # the token never changes
    down: bool = False  # 500 to everything
    delay: float = 0.0  # seconds before an answer
    broken: frozenset[str] = frozenset()  # ids that the server cannot print: 500 for each page with one
    malformed: frozenset[str] = frozenset()  # ids that it prints wrongly: no page with one is well-formed
    unlistable: frozenset[str] = (
        frozenset()
    )  # ids at which ListIdentifiers fails too, as with unknown categories

    @classmethod
    def all(cls) -> Faults:
        """Every fault that a harvest survives without losing a record."""
        return cls(
            expire_every=7,
            busy_every=13,
            cut_every=5,
            html_every=17,
            doctype_every=29,
            move_every=4,
            pinned=True,
            illegal=True,
            skewed=True,
        )

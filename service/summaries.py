"""Summaries: at most three whole sentences of an abstract, for what is asked, done and found (pure)."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from indexer.plain_text import readable, sentences
from service.roles import VERBS_FOUND, VERBS_SHOWING, WORK

_MOST = 3

_VERBS_DONE = (
    "propose|present|introduce|develop|describe|study|investigate|consider|address|derive|construct|analy[sz]e|"
    "explore|design|review|examine|report|give|provide|formulate|devise|use|apply|extend|build|create|employ|"
    "compute|measure|perform|train|survey|discuss|offer|revisit|aim|focus|suggest|compare|evaluate|calculate|"
    "combine|release|define|obtain|tackle|seek|search for"
)
_AIDE = (
    r"(?:\w+ly |then |also |further |here |first |next |now |will |can |have |are able to |therefore |thus )*"
)


def _any(*patterns: str) -> re.Pattern[str]:
    """One expression for all; sentences are matched in lower case, a third of the time of IGNORECASE."""
    return re.compile("|".join(patterns))


def _any_word(*patterns: str) -> re.Pattern[str]:
    """One expression for all that begin a word; the boundary is looked for once, which takes half the time."""
    return re.compile(rf"\b(?:{'|'.join(patterns)})")


_DONE = _any_word(
    rf"in th(?:is|e present) (?:\w+ )?(?:{WORK})\b",
    rf"we {_AIDE}(?:{_VERBS_DONE})\b",
    rf"(?:this|the present|our) (?:\w+ )?(?:{WORK})\b",
    r"(?:is|are|has been|have been) (?:then |here )?(?:proposed|presented|introduced|developed|studied|"
    r"investigated|considered|derived|analy[sz]ed|described|examined|discussed)\b",
    r"(?:our|the) (?:main )?(?:goal|aim|objective|purpose|contribution|approach|method|idea)s? "
    r"(?:is|are)\b",
    r"to (?:address|tackle|solve|overcome|bridge|fill|mitigate|this end)\b",
    r"^(?:here|herein)\b",
)
# The sentence that says what the paper is: it outranks any other about the work.
_ANNOUNCES = _any_word(
    rf"in th(?:is|e present) (?:\w+ )?(?:{WORK})\b",
    rf"we {_AIDE}(?:propose|present|introduce|develop|investigate|study|describe|report|address|prove)\b",
    rf"(?:this|the present) (?:\w+ )?(?:{WORK}) \w+s\b",
)
_FOUND = _any(
    rf"\b(?:results?|experiments?|evaluations?|simulations?|findings|analysis|analyses|observations|empirically|"
    rf"data)\b.{{0,60}}\b(?:{VERBS_SHOWING})\b",
    rf"\bwe {_AIDE}(?:{VERBS_FOUND})\b",
    r"\boutperform|\bstate[- ]of[- ]the[- ]art|\bachiev(?:es?|ing|ed)\b|\bsignificant(?:ly)?\b",
    r"\bimprove(?:s|ment)|\bit is (?:shown|found|demonstrated)\b|\bis consistent with\b",
    r"\bour (?:results|findings|experiments)\b|\b(?:is|are|was|were) found to\b",
    r"\b\d[\d.,]*\s?(?:%|percent|times|x\b|σ|sigma)|\bin (?:good )?agreement\b",
)
_TURNS = _any(
    r"^(?:however|yet|but|unfortunately|nevertheless|despite|although|while|whether|nonetheless|still)\b|\?$"
)
_ASKED = _any(
    r"\b(?:challeng(?:e|es|ing)|problems?|difficult|remains?|lack(?:s|ing)?|limited|unclear|unknown)\b",
    r"\b(?:open question|question of|little is known|poorly understood|not (?:been|well)|suffers? from)\b",
    r"\b(?:costly|expensive|need for|fails? to|bottleneck|scarce|gap)\b",
)
# What a reader of a summary does not look for: where the code is, which venue took the paper.
_ASIDE = (
    "http://",
    "https://",
    "www.",
    "github",
    "future work",
    "future research",
    "future directions",
    "finally, we discuss",
)
_ASIDE_OPENING = _any(
    r"(?:accepted|published|presented|submitted|to appear|keywords?|index terms)\b",
    r"this (?:is an? |paper )?extended\b",
)
_GIVEN = _any(r"available|released|found at|open[- ]sourced")
_GIVEN_AWAY = _any(
    r"\b(?:code|data|dataset|models?|project page|implementation|video|demo|software|scripts?)\b.{0,60}"
    r"\b(?:available|released|found at|open[- ]sourced)\b"
)
# A sentence that points back at one which may not be in the summary.
_DANGLING = re.compile(
    r"^(?:this|these|those|such|they|their|its?|he|both|also|then|at the same time|for example)\b"
    rf"(?! (?:\w+ )?(?:{WORK})\b)"
)
_WORD = re.compile(r"[^\W\d_]{4,}")
_COMFORTABLE = (8, 40)  # words; outside, a sentence says too little or too much at once


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence and what speaks for it in each part of a summary."""

    at: int
    base: float  # how well it stands for the abstract, whatever it says: 0 to about 1
    asked: float
    done: float
    found: float


@lru_cache(maxsize=16_384)  # an abstract is on many pages; 16k summaries are about 10 MB
def summarise(abstract: str) -> tuple[str, ...]:
    """At most three sentences of the abstract, whole and in its order; all where it has no more; () if empty.

    One for what the work does, one for what it finds after that, one for what was asked before; a part that
    the abstract lacks is filled with the sentence that shares most words with the others.
    """
    parts = sentences(readable(abstract))
    if len(parts) <= _MOST:
        return parts
    weighed = _weigh(parts)
    chosen = {done := max(weighed, key=lambda s: (s.done + s.base, -s.at)).at}
    asked = [s for s in weighed if s.at < done and s.asked > 0]
    found = [s for s in weighed if s.at > done and s.base > -1]
    if found:
        chosen.add(max(found, key=lambda s: (s.found + s.base, s.at)).at)
    if asked:
        chosen.add(max(asked, key=lambda s: (s.asked + s.base, -s.at)).at)
    for sentence in sorted(weighed, key=lambda s: (-_worth(s), s.at)):
        if len(chosen) == _MOST:
            break
        chosen.add(sentence.at)
    return tuple(parts[at] for at in sorted(chosen))


def _worth(sentence: _Sentence) -> float:
    """How well a sentence fills a part that has none of its own; an abstract often opens with what was asked."""
    return sentence.base + 0.3 * max(sentence.done, sentence.found) + (0.3 if sentence.at == 0 else 0.0)


def _weigh(parts: tuple[str, ...]) -> list[_Sentence]:
    lower = [part.lower() for part in parts]
    words = [frozenset(word[:7] for word in _WORD.findall(part)) for part in lower]
    shared = Counter(word for each in words for word in each)
    centrality = [sum(shared[word] - 1 for word in each) / (6 + len(each)) for each in words]
    most = max(centrality) or 1.0
    last = len(parts) - 1
    weighed = []
    for at, part in enumerate(lower):
        base = 0.6 * centrality[at] / most - _length_penalty(part) - (1.5 if _is_aside(part) else 0.0)
        base -= 0.4 if _DANGLING.match(part) else 0.0
        weighed.append(
            _Sentence(
                at,
                base,
                asked=(0.7 if _TURNS.search(part) else 0.0) + (0.7 if _ASKED.search(part) else 0.0),
                done=(0.5 if _DONE.search(part) else 0.0) + (1.0 if _ANNOUNCES.search(part) else 0.0),
                found=(1.0 if _FOUND.search(part) else 0.0) + 0.8 * at / last,
            )
        )
    return weighed


def _is_aside(part: str) -> bool:
    """The cheap looks first: the last expression tries sixty characters after each word of its list."""
    return bool(
        any(phrase in part for phrase in _ASIDE)
        or _ASIDE_OPENING.match(part)
        or (_GIVEN.search(part) and _GIVEN_AWAY.search(part))
    )


def _length_penalty(part: str) -> float:
    """0 for a sentence of comfortable length, growing outside."""
    count = part.count(" ") + 1
    fewest, most = _COMFORTABLE
    return max(0, fewest - count) * 0.12 + max(0, count - most) * 0.02

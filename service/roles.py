"""The role of each sentence of an abstract: background, objective, method, result or other (pure).

Cues (words and pairs of words that authors use when they say what was known, sought, done and found), the
sentence's place, and the role of the sentence before it, each with a weight for each role; the greatest sum wins.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import lru_cache

from indexer.plain_text import readable, sentences


class Role(StrEnum):
    """What a sentence of an abstract is there for."""

    BACKGROUND = "background"  # what was known, and what was lacking
    OBJECTIVE = "objective"  # what the paper sets out to do
    METHOD = "method"  # how it is done
    RESULT = "result"  # what was found
    OTHER = "other"  # rights, addresses, keywords


# Alternatives of a regular expression, which `summaries` has too.
VERBS_FOUND = (
    "find|found|show|showed|demonstrate|demonstrated|prove|observe|observed|conclude|establish|discover|detect|"
    "achieve|outperform|confirm|identify|reveal|improve|infer|argue|estimate|determine"
)
VERBS_SHOWING = (
    "show|shows|indicate|suggest|demonstrate|demonstrates|reveal|reveals|confirm|confirms|verify|validate|imply|"
    "prove|highlight|support"
)
WORK = "paper|work|article|study|letter|survey|report|note|thesis|contribution"

_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
_DIGIT = re.compile(r"\d")
_SHORT = 6  # words; shorter is hardly a sentence: a heading, a keyword, a right reserved
_REACH = 3  # words after "we" among which its verb is

# Each cue counts once in a sentence; two words joined by "_" must follow one another.
_CUES = {
    "turn": "however but unfortunately nevertheless despite although though yet while still",
    "state": """has_been have_been has_become have_become had_been recent recently increasingly become becomes
        becoming often many existing traditional traditionally conventional widely typically usually growing today
        nowadays popular years decades emerging current_state most_of is_one one_of are_often can_be importance
        important_role plays commonly generally largely always previous prior""",
    "lack": """challenge challenges challenging problem problems difficult difficulty remains remain lack lacks
        limited limitation limitations unclear unknown costly expensive need needs needed gap issue issues not cannot
        few little poor fail fails suffer suffers critical crucial essential necessary require requires important
        necessity""",
    "is": "is_a is_an are_a there_are there_is it_is they_are such_as may due_to",
    "aim": """aim aims aimed aiming goal goals objective objectives purpose purposes is_to was_to focus_on focuses
        focused motivated interested research_question questions help_to order_to whether seeks intended""",
    "this work": """this_chapter this_research this_project our_work our_goal current_study the_paper paper_we
        article_we work_we study_we here_we """
    + " ".join(f"{this}_{work}" for this in ("this", "present") for work in WORK.split("|")),
    "propose": """proposes presents introduces describes investigates addresses explores examines develops considers
        reviews studies discusses propose novel new is_proposed are_proposed is_presented proposed_a is_introduced
        to_develop to_investigate to_address to_identify to_improve to_provide to_explore to_examine to_evaluate""",
    "method": """algorithm algorithms approach method methods methodology framework technique techniques system model
        models architecture module modules scheme procedure procedures strategy network networks features""",
    "how": """using used use uses based_on consists consist implemented applied trained combines combining each first
        second third then next finally further additionally moreover which_is step steps stage input output extracted
        computed collected conducted performed developed designed obtained introduced combined derived according""",
    "tried": """participants subjects sample survey questionnaire interviews patients experiment dataset datasets
        corpus data images students samples respondents evaluated tested compared""",
    "result": """results result findings experiments experimental evaluation simulation simulations showed shown
        demonstrated outperform outperforms outperformed outperforming significant significantly accuracy revealed
        indicates indicated suggests suggested found conclude concluded achieve achieves achieved improvement
        improvements improved better higher lower superior superiority effectiveness state-of-the-art promising
        observed able respectively correlated compared_to compared_with increased reduced increases reduces
        conclusion conclusions associated """
    + VERBS_SHOWING.replace("|", " "),
    "ours": """our_results our_method our_approach our_model our_experiments our_findings the_proposed our_algorithm
        our_system proposed_method results_show results_indicate the_results experimental_results""",
    "discuss": """implications discussed discuss future insights insight finally outlined recommendations contribute
        contributes contribution open benefits could should""",
    "rights": """reserved elsevier ltd copyright http https www github available doi keywords book code com org online
        appear downloaded version accepted published publication download tel mail email acm ieee springer""",
    "past": "was were had did",
}
_VERBS = {  # of "we"
    "we seek": """propose present introduce investigate study address develop aim explore examine focus tackle seek
        describe consider""",
    "we do": """use used employ apply applied compute measure measured perform performed train trained collect
        collected implement implemented build built extend derive analyze analyzed analyse analysed design designed
        conduct conducted formulate construct combine model extract adopt define developed compared first then also
        further""",
    "we find": VERBS_FOUND.replace("|", " "),
}
# Log-odds that a cue adds for each role, in the order of `Role`.
_WEIGHTS: dict[str, tuple[float, ...]] = {
    "turn": (0.5, -0.1, -0.1, 0.1, -0.4),
    "state": (0.5, -0.1, 0.0, 0.0, -0.5),
    "lack": (0.3, 0.1, 0.0, 0.0, -0.5),
    "is": (0.4, 0.0, 0.0, -0.1, -0.3),
    "aim": (-0.3, 1.1, 0.0, -0.2, -0.6),
    "this work": (-0.6, 1.1, -0.2, -0.2, -0.2),
    "propose": (-0.1, 0.4, 0.1, -0.1, -0.4),
    "method": (-0.1, 0.2, 0.6, -0.1, -0.6),
    "how": (0.0, 0.1, 0.5, 0.1, -0.7),
    "tried": (0.0, 0.0, 0.1, 0.4, -0.5),
    "result": (-0.1, 0.0, 0.0, 0.9, -0.8),
    "ours": (-0.3, -0.2, 0.1, 0.7, -0.3),
    "discuss": (0.1, 0.3, 0.0, 0.2, -0.5),
    "rights": (-0.3, -0.3, -0.4, -0.3, 1.3),
    "past": (-0.2, -0.2, 0.3, 0.5, -0.4),
    "we seek": (-0.1, 0.3, 0.3, 0.0, -0.5),
    "we do": (0.0, -0.1, 0.4, 0.1, -0.5),
    "we find": (0.0, -0.2, -0.1, 0.3, 0.0),
    "we": (-0.5, 0.3, 0.5, 0.1, -0.4),
    "number": (-0.3, -0.5, -0.1, 0.1, 0.7),
    "short": (-1.0, -0.7, -0.6, -0.3, 2.6),
    "first": (1.4, 0.1, -1.2, -0.5, 0.2),
    "last": (0.4, -0.3, -1.2, 0.1, 1.0),
    "depth": (-3.2, -0.9, 0.4, 3.1, 0.6),
    "any": (1.9, 0.2, 0.3, -1.5, -1.0),
    "after background": (1.4, 0.5, 0.1, -1.0, -1.0),
    "after objective": (-0.2, 0.8, 0.8, -0.5, -0.9),
    "after method": (-0.3, -0.3, 1.2, 0.2, -0.8),
    "after result": (-0.5, -0.5, -0.1, 0.8, 0.2),
    "after other": (0.2, -0.5, -0.5, -0.5, 1.4),
}


def _by_words(cues: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """Which cues a word, or a pair of words joined by "_", gives."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, words in cues.items():
        for word in dict.fromkeys(words.split()):
            found[word].append(name)
    return {word: tuple(names) for word, names in found.items()}


_GIVING = _by_words(_CUES)
_GIVING_AFTER_WE = _by_words(_VERBS)


@lru_cache(maxsize=4_096)  # a paper that is compared is compared again; 4k abstracts are about 8 MB
def roles(abstract: str) -> tuple[tuple[str, Role], ...]:
    """Each sentence of an abstract, readable and in its order, with its role; () for none."""
    parts = sentences(readable(abstract))
    return tuple(zip(parts, classify(parts), strict=True))


def classify(parts: Sequence[str]) -> tuple[Role, ...]:
    """The role of each sentence of one abstract, decided in their order."""
    found: list[Role] = []
    for at, part in enumerate(parts):
        sums = _STARTING if not found else _FOLLOWING[found[-1]]
        depth = at / max(len(parts) - 1, 1)
        sums = tuple(total + depth * weight for total, weight in zip(sums, _WEIGHTS["depth"], strict=True))
        for cue in _cues(part) | ({"last"} if at == len(parts) - 1 else set()):
            sums = _plus(sums, _WEIGHTS[cue])
        found.append(_ROLES[sums.index(max(sums))])
    return tuple(found)


def _cues(sentence: str) -> set[str]:
    """The names of the cues that a sentence gives."""
    words = _WORD.findall(sentence.lower())
    found: set[str] = set()
    before = ""
    for word in words:
        found.update(_GIVING.get(word, ()))
        found.update(_GIVING.get(f"{before}_{word}", ()))
        before = word
    if "we" in words:
        found.add("we")
        for verb in _verbs(words):
            found.update(_GIVING_AFTER_WE.get(verb, ()))
    if _DIGIT.search(sentence):
        found.add("number")
    if len(words) < _SHORT:
        found.add("short")
    return found


def _verbs(words: Sequence[str]) -> Iterator[str]:
    """The words of a sentence that may be the verb of a "we"."""
    for at, word in enumerate(words):
        if word == "we":
            yield from words[at + 1 : at + 1 + _REACH]


def _plus(left: tuple[float, ...], right: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(a + b for a, b in zip(left, right, strict=True))


_ROLES = tuple(Role)
_STARTING = _plus(_WEIGHTS["any"], _WEIGHTS["first"])
_FOLLOWING = {role: _plus(_WEIGHTS["any"], _WEIGHTS[f"after {role}"]) for role in Role}

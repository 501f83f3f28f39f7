"""Which words can stand in the name of a topic: English grammar and the prose of abstracts cannot (pure)."""

from __future__ import annotations

import re
from functools import lru_cache

# Words that no phrase contains: grammar ...
_GRAMMAR = """
a about above according across after again against all almost along already also although always am among an
and another any are around as aside at away be became because become becomes been before being below besides
between beyond both but by can cannot could did do does doing done down due during each either else enough
etc even ever every few first for former from further furthermore had has have having he hence her here his
how however i ie if in indeed instead into is it its itself just last later latter least less let like made
make makes making many may me meanwhile might more moreover most much must my near neither never
nevertheless next no none nor not nothing now off often on once one ones only onto or other others otherwise
our ours out over own per perhaps prior quite rather same second several shall she should since so some
sometimes soon still such than that the their them themselves then there thereby therefore these they third
this those though three through throughout thus to together too toward towards two under unless unlike until
up upon us versus very via vs was we were what whatever when where whereas whereby whether which while who
whole whom whose why will with within without would yes yet you your four five six seven eight nine ten eg
""".split()

# ... and what authors do and claim in any abstract: base forms of verbs ...
_VERBS = """
achieve address adopt aim allow analyse analyze appear apply argue arise assess assume attempt avoid become
believe benefit bring build call carry come compare complement comprise conclude conduct confirm consider
consist contain contribute cover create deliver demonstrate depend derive describe determine develop devise
differ discuss draw elicit emerge emphasize employ enable encourage enhance ensure establish evaluate
examine exceed exhibit exist expect explain exploit explore extend facilitate fail find focus follow
formulate foster fulfill gain get give go grow guarantee hamper help highlight hinder hold hope identify
illustrate implement imply improve include incorporate increase indicate infer inspire integrate intend
introduce investigate involve keep know lack lead leverage lie look maintain mean meet mitigate motivate
necessitate need observe obtain occur offer outperform overcome pave perform pose possess prefer present
preserve prevent produce propose prove provide publish put raise reach realize receive recognize reduce
refer regard release rely remain replace require resemble resolve retain reveal revisit rethink see seek
seem serve shed show simplify solve start strive struggle submit succeed suffer suggest summarize surpass
tackle take tend treat try uncover underscore undergo unify unlock unveil utilise utilize validate vary want
warrant wish yield
""".split()
_IRREGULAR = """
became began begin begun brought built came chosen cast drawn driven fell felt found gave given gone got
grew grown held kept knew known laid learn learned learns learnt led left lies lost made meant met paid ran
rose said sat saw seen sent shown sought spent stood taken taught thought told took went won written
understood using used uses
""".split()

# ... and empty adjectives, nouns of no subject, and the web.
_PROSE = """
able accurate additional advantageous advanced affordable aforementioned alternative appropriate available
aware beneficial best better big careful cheap comparable competitive comprehensive concrete considerable
convincing crucial cumbersome current desirable detailed difficult different diverse easy effective
efficient elegant entire essential excellent expensive experimental extensive favorable faster feasible
flexible following former fruitful great greater hard harder helpful high-quality huge ideal immense
important impossible impressive inherent initial insightful interesting intuitive lightweight main major
meaningful modest necessary new notable notorious novel numerous obvious original outstanding overall own
particular plausible poor popular possible potential powerful practical precise preliminary prevalent
previous primary principled profound promising prominent proper rapid recent relevant reliable remarkable
respective rich rigorous satisfactory scalable seamless severe significant similar simple simpler
simultaneous sophisticated specific state-of-the-art state-of-art straightforward striking substantial
subsequent successful sufficient suitable superior surprising systematic tedious thorough total tough
traditional typical ubiquitous underexplored unexplored unfortunate unified unprecedented useful usual valid
valuable various vast versatile viable vital widespread wider worse worth ability abstract advance
advancement advantage amount article aspect attempt author baseline basis capability challenge conclusion
contribution day drawback effectiveness efficacy efficiency effort emergence example existence experiment
extent fact finding goal guideline idea implication importance improvement inability insight intuition issue
kind lot magnitude majority manner merit method methodology million motivation need notion novelty nowadays
obstacle opportunity outcome overview paper paradigm part performance perspective phenomenon pitfall
plethora possibility presence prospect purpose reason researcher result scarcity section shortcoming sota
strength success superiority technique thousand today trend usefulness utility variant variety version
weakness work year approach decade hundred ii iii iv github http https project-page code-and-data real-world
large-scale low-cost cutting-edge end-to-end off-the-shelf plug-and-play long-standing so-called well-known
in-depth extra towards case-study
""".split()

# Words that mean something only in company (`time series`, but not `time`) ...
_WEAK = """
accuracy action activation active activity adaptation analysis answer artificial assessment attribute
automatic automated behavior behaviour boundary bug capacity category change class code collection
combination community complexity component computation computational concept condition consequence
construction content context control correctness correlation cost decision deep demand density detail
development device dimension direct direction distribution dynamic element embed energy engineering
environment error estimate estimation evaluation event evidence experience explanation expression extraction
feature field final fine fix formula full function future game generation global ground group growth hand
human identity impact implicit information instruction intelligence intelligent interaction interest item
judgment key knowledge label language layer learner learning length level life linear list literature local
log long machine map mask measuring mechanism memory metric modality model modeling modelling multiple
natural network neural neuron node object operation optimal optimization output pair parameter participant
patch path pattern people perception phase plan point policy position practice prediction principle
procedure process processing product program progress project property prototype quality quantity query
question ranking rate ratio real reconstruction region relation relationship report representation request
resource response reward road role rule safe sample schedule science score script search sensor sentence
sequence service share shift side signal similarity skill source space spatial stage standard statistical
stream strong structure student style subject summary symbol team technology temporal term test testing text
theorem theory think thinking token tool topology training trait transfer transformation transition
translation tree trial trigger tuning turn type uncertainty understanding unit use user value variable
variation view voice weak weight window word world
""".split()

# ... and words that add nothing even there: a phrase of these alone is none.
_HOLLOW = """
adaptive algorithm application architecture area art assistant base based benchmark big block case central
common comparison complex concept constraint critical data dataset design difference domain effect end
existing extra fair fast factor first form formulation framework free fundamental general generic good guide
hard high human-like hybrid implementation improved individual input instance joint large limit limitation
little local low measure method model module multi natural nature novel number objective old online open
optimal order output own pair parameter pipeline place play positive present problem property range real
requirement research review sample scale scenario scheme school second series set setting short single
situation size small solution special standard state static step strategy strong study support survey system
target task term test top topic true type unit use value view well wide work analytic empirical theoretical
pre-trained pretrained fine-tuned fine-grained coarse-grained high-dimensional high-level low-level
high-resolution data-driven target-specific task-specific domain-specific open-source open-ended multi-task
technical
""".split()


def _forms(verb: str) -> tuple[str, ...]:
    stem = verb.removesuffix("e")
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb, verb[:-1] + "ies", verb[:-1] + "ied", verb + "ing"
    plural = verb + ("es" if verb.endswith(("s", "sh", "ch", "x")) else "s")
    return verb, plural, stem + "ed", stem + "ing"


_PLURALS = {
    "analyses": "analysis",
    "biases": "bias",
    "gases": "gas",
    "hypotheses": "hypothesis",
    "indices": "index",
    "matrices": "matrix",
    "vertices": "vertex",
}
_LY_NOUNS = frozenset(
    ["anomaly", "assembly", "family", "supply", "reply", "butterfly", "monopoly", "italy", "early"]
)
_ED_NOUNS = frozenset(["seed", "speed", "feed", "bed", "embed", "weed", "breed"])

_CAPITAL = re.compile(r"[A-Z]")
_HYPHENS = re.compile(r"[-‐‑’']")


@lru_cache(maxsize=200_000)
def fold(word: str) -> str:
    """The form in which spellings of one word meet: no case, no hyphen, no plural.

    A word with two capitals keeps its case, for `TAGs` are not `tags`.
    """
    word = word.removesuffix("'s").removesuffix("’s")
    if "-" not in word and len(_CAPITAL.findall(word)) > 1:
        return word[:-1] if word.endswith("s") and word[-2].isupper() else word
    low = _HYPHENS.sub("", word.casefold())
    if len(low) <= 3 or low.endswith(("ss", "us", "is", "as")) or low in _PLURALS:
        return _PLURALS.get(low, low)
    if low.endswith("ies"):
        return low[:-3] + "y"
    if low.endswith(("sses", "ches", "shes", "xes")):
        return low[:-2]
    return low.removesuffix("s")


_ENDINGS = (
    "ization",
    "ation",
    "ating",
    "ative",
    "ator",
    "ing",
    "ion",
    "ial",
    "ive",
    "al",
    "er",
    "or",
    "e",
    "y",
)

_BREAKS = frozenset([*_GRAMMAR, *_PROSE, *_IRREGULAR, *(form for verb in _VERBS for form in _forms(verb))])
_BREAKS_FOLDED = frozenset(fold(word) for word in _PROSE)
_HOLLOW_FOLDED = frozenset(fold(word) for word in _HOLLOW)
_WEAK_FOLDED = frozenset(fold(word) for word in _WEAK) | _HOLLOW_FOLDED


@lru_cache(maxsize=200_000)
def breaks(token: str) -> bool:
    """Whether a token ends a phrase: punctuation, a number, grammar, empty prose, an adverb."""
    low = token.lower()
    if not token[0].isalnum() or low.isdigit() or low in _BREAKS:
        return True
    if fold(token) in _BREAKS_FOLDED and low != "news":
        return True
    return len(low) > 4 and low.endswith("ly") and low not in _LY_NOUNS and not token.isupper()


@lru_cache(maxsize=200_000)
def weak(word: str) -> bool:
    """Whether a folded word means something only in company: `time`, a letter."""
    return word in _WEAK_FOLDED or len(word) < 2


@lru_cache(maxsize=200_000)
def hollow(word: str) -> bool:
    """Whether a folded word adds nothing to the words beside it."""
    return word in _HOLLOW_FOLDED or len(word) < 2


@lru_cache(maxsize=200_000)
def participle(word: str) -> bool:
    """Whether a folded word looks like `distributed`, which no phrase ends with."""
    return len(word) > 4 and word.endswith("ed") and word not in _ED_NOUNS


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """The beginning that a folded word shares with its relatives (`recommender`, `recommendation`)."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)][:7]
    return word[:7]

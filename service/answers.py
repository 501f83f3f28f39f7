"""What the service answers: frozen values, made by `related`, `search`, `explore` and `paper_page`.

Every answer names the generation of the library that gave it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from indexer.papers import Paper, PaperId, Placement, Topic
from indexer.tables import Filters


class Signal(StrEnum):
    """The kinds of evidence that two papers are related."""

    TEXT = "text"  # the embeddings of title and abstract are close
    WORDS = "shared terms"  # rare words of one are in the other
    CITES = "cites"  # the result cites the seed
    CITED_BY = "cited by"  # the seed cites the result
    SHARED_REFERENCES = "shared references"  # both cite the same works (bibliographic coupling)
    CITED_TOGETHER = "cited together"  # later papers cite both (co-citation)
    CITED_BY_NEIGHBOURS = "cited by nearest papers"  # the texts nearest to the seed cite the result
    CITES_NEIGHBOURS = "cites nearest papers"  # the result cites the texts nearest to the seed
    CITED_WITH_NEIGHBOURS = "cited with nearest papers"
    CITING_TEXTS = "cited by texts like it"  # what cites the result reads like the seed
    CITED_BY_COUPLED = "cited by papers with its references"  # what shares references with the seed cites it
    NEAR_REFERENCES = "near its references"  # its text is close to those of the works that the seed cites
    NEAR_BEST = "near the best results"
    FACET = "same facet"  # the sentences of the role asked for are close
    WALK = "near in the graph"  # personalised PageRank
    SAME_AUTHORS = "same authors"
    SAME_TOPIC = "same topic"
    SAME_CATEGORY = "same category"
    INFLUENCE = "influence"  # how often the library cites the result
    AGE = "age"  # years between the two
    DISLIKED = "near a disliked paper"


class Mode(StrEnum):
    """Which evidence a ranking goes by."""

    FUSED = "fused"  # all of it
    TEXT = "text"  # the embeddings alone
    WORDS = "words"  # the rare words in common alone
    COUPLING = "coupling"  # references in common
    COCITATION = "co-citation"  # later papers that cite both
    REFERENCES = "references"  # what the seeds cite and what cites them


class Facet(StrEnum):
    """The part of an abstract that is compared, where not all of it is."""

    BACKGROUND = "background"
    METHOD = "method"
    RESULT = "result"


class Sort(StrEnum):
    """In which order the results chosen by relevance are shown."""

    SCORE = "score"  # the most relevant first
    DATE = "date"  # the newest first
    INFLUENCE = "influence"  # the one that the library cites most first


@dataclass(frozen=True, slots=True)
class Named:
    """A paper as it is mentioned in passing."""

    id: PaperId
    title: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One piece of evidence behind a related paper.

    `contribution` is in log-odds; the contributions of a result sum to `Related.relevance` less the constant
    `RelatedAnswer.baseline`. `value` is the strength in the signal's own unit (a cosine, a count), `terms` and
    `papers` the evidence itself, strongest first, and `text` says it in words.
    """

    signal: Signal
    contribution: float
    value: float
    text: str
    terms: tuple[str, ...] = ()
    papers: tuple[Named, ...] = ()


@dataclass(frozen=True, slots=True)
class Related:
    """A paper that is related to the seeds.

    `relevance` is the fused score in log-odds, `similarity` the same as a chance from 0 to 1 (see `ranking`);
    `score` (0 to 100) is the paper's own standing in the library, whatever the seeds; `because` says the strongest
    reasons in one sentence.
    """

    paper: Paper
    similarity: float
    relevance: float
    score: float
    summary: tuple[str, ...]
    because: str
    reasons: tuple[Reason, ...]
    topic: Topic | None = None


@dataclass(frozen=True, slots=True)
class RelatedRequest:
    """Seeds and wishes: at least one liked paper or a text.

    `filters` say which papers may be results; evidence may be any paper: a closed one may be the reason for an open
    one. Ids are texts as people write them; those that the library does not hold are reported, not fatal, as long
    as one seed is left. `not_newer` leaves out papers whose id's month is after the newest seed's;
    `as_of_seed` answers as if they did not exist yet (neither results nor evidence; how rare a word is, the
    whole library tells all the same); `text_only` ignores all citations from and to the seeds.

    `facet` compares only the sentences of that role; `least` (0 to 1) leaves out results of less similarity;
    `diversity` (0 to 1) spreads the results, 0 not at all; `topic` is the id of a topic, of which (and of those
    below it) all results are; with `among` these papers are ranked, all of them, and no others.
    `known_references` are ids of works that the text cites, beside those that the graph knows: the references of a
    virtual paper, evidence like those of a seed and never results.
    """

    liked: tuple[str, ...] = ()
    disliked: tuple[str, ...] = ()
    text: str = ""
    k: int = 20
    filters: Filters = field(default_factory=Filters)
    not_newer: bool = False
    as_of_seed: bool = False
    text_only: bool = False
    mode: Mode = Mode.FUSED
    facet: Facet | None = None
    sort: Sort = Sort.SCORE
    least: float = 0.0
    diversity: float = 0.0
    topic: str = ""
    among: tuple[str, ...] = ()
    known_references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RelatedAnswer:
    """Related papers in the order asked for, most similar first unless told, and what was asked."""

    seeds: tuple[Named, ...]
    unknown: tuple[str, ...]
    results: tuple[Related, ...]
    baseline: float
    generation: int


@dataclass(frozen=True, slots=True)
class Found:
    """A paper found by a search; `snippet` is the sentence of the abstract that shows the words best."""

    paper: Paper
    score: float
    relevance: float
    snippet: str


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """Papers found, best first; `total` counts all records that have every word.

    Of several records of one work the best alone is shown, so a page may have fewer results than its limit.
    """

    query: str
    results: tuple[Found, ...]
    total: int
    generation: int


@dataclass(frozen=True, slots=True)
class PaperPage:
    """Everything that the page of one paper shows.

    `version` is the one asked for, or the newest known, or None; `related` are those that `mode` finds, as `sort` says;
    `note` is what a reader must know of the whole library (whose the abstracts are), None where there is nothing;
    `same_work` are other records of the same work, `open_license` whether `related` has papers of open licence only.
    """

    paper: Paper
    version: int | None
    summary: tuple[str, ...]
    score: float
    topics: tuple[Topic, ...]  # from the top down to the paper's own
    placement: Placement | None
    references: tuple[Named, ...]  # those that the library holds
    cited_by: tuple[Named, ...]
    reference_count: int  # all, held or not
    citation_count: int
    related: tuple[Related, ...]
    generation: int
    note: str | None = None
    same_work: tuple[Named, ...] = ()
    open_license: bool = False
    mode: Mode = Mode.FUSED
    sort: Sort = Sort.DATE


@dataclass(frozen=True, slots=True)
class TopicAnswer:
    """A topic with its place in the tree and the papers that stand for it, best fitting first.

    Where only open licences were asked for, `open_license` says so, and the sizes count such papers.
    """

    topic: Topic
    path: tuple[Topic, ...]
    children: tuple[Topic, ...]
    papers: tuple[Paper, ...]
    generation: int
    open_license: bool = False


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A paper in a picture of the graph; `rank` is PageRank with 1 as the library's average.

    `license` is arXiv's URI, None where it is not known or the work is not held.
    """

    id: PaperId
    title: str
    month: int
    rank: float
    license: str | None = None


@dataclass(frozen=True, slots=True)
class GraphAnswer:
    """A neighbourhood or a path: nodes, and edges from the citing to the cited paper."""

    centre: PaperId
    nodes: tuple[GraphNode, ...]
    edges: tuple[tuple[PaperId, PaperId], ...]
    path: tuple[PaperId, ...]
    generation: int


class GapOrder(StrEnum):
    """In which order gaps are shown."""

    COUNT = "count"  # what most seeds cite first, of equals the one with the greatest lift
    TELLING = "telling"  # count / ln(2 + citers in the library): what everybody cites comes later


@dataclass(frozen=True, slots=True)
class GapsRequest:
    """Seeds, by id, BibTeX text and title, and wishes: which works do `at_least` of them cite, or more.

    None for `at_least` is 2, or one in fifty of the seeds whose references are known where that is more. `bib` None
    is no BibTeX, "" an empty one.
    """

    liked: tuple[str, ...] = ()
    bib: str | None = None
    titles: tuple[str, ...] = ()
    at_least: int | None = None
    order: GapOrder = GapOrder.COUNT
    k: int = 20
    filters: Filters = field(default_factory=Filters)


@dataclass(frozen=True, slots=True)
class Gap:
    """A work that `count` seeds cite and that is not among them; `title` is "" where the library does not hold it.

    `cited_by` names some of them, the most cited first. `citers` papers of the library cite it, the seeds included;
    `lift` is in log-odds, how much likelier a seed cites it than another paper of the library does.
    """

    id: PaperId
    title: str
    held: bool
    count: int
    citers: int
    lift: float
    cited_by: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class GapsAnswer:
    """Gaps in the order asked for; `total` counts those that pass, shown or not.

    Of `seeds` works only `with_references` can say what they cite: of the others no reference is known.
    """

    seeds: int
    with_references: int
    unknown: tuple[str, ...]
    at_least: int
    results: tuple[Gap, ...]
    total: int
    generation: int


class Why(StrEnum):
    """Why a draft should perhaps cite a paper."""

    CITED_BY_REFERENCES = "cited by references"  # works that the draft cites, cite it
    SHARED_REFERENCES = "shares references"  # it cites what the draft cites
    TEXT = "nearest text"


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason why a draft should perhaps cite a paper; `papers` are some of the `count` references it speaks of."""

    why: Why
    count: int
    text: str
    papers: tuple[Named, ...] = ()


@dataclass(frozen=True, slots=True)
class ReviewRequest:
    """A draft: its title and abstract, what it cites (by id, BibTeX text and title), and wishes.

    `bib` None is no BibTeX, "" an empty one.
    """

    abstract: str
    title: str = ""
    liked: tuple[str, ...] = ()
    bib: str | None = None
    titles: tuple[str, ...] = ()
    k: int = 20
    filters: Filters = field(default_factory=Filters)


@dataclass(frozen=True, slots=True)
class Missing:
    """A paper that a draft should perhaps cite: how it is related to the draft, and why it is missed."""

    related: Related
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class ReviewAnswer:
    """What a draft should perhaps cite, most related first; `cited` are its references that the library holds."""

    cited: tuple[Named, ...]
    unknown: tuple[str, ...]
    results: tuple[Missing, ...]
    baseline: float
    generation: int

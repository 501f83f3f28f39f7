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
    SAME_TOPIC = "same topic"
    SAME_CATEGORY = "same category"
    INFLUENCE = "influence"  # how often the library cites the result
    AGE = "age"  # years between the two
    DISLIKED = "near a disliked paper"


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
    """

    liked: tuple[str, ...] = ()
    disliked: tuple[str, ...] = ()
    text: str = ""
    k: int = 20
    filters: Filters = field(default_factory=Filters)
    not_newer: bool = False
    as_of_seed: bool = False
    text_only: bool = False


@dataclass(frozen=True, slots=True)
class RelatedAnswer:
    """Related papers, most similar first, and what was asked."""

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

    `version` is the one asked for, or the newest known, or None; `related` comes newest first, as the page has it;
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

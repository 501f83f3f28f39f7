"""Everything that the page of one paper shows, gathered."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from indexer.library import Derived, Library
from indexer.papers import Paper
from indexer.plain_text import readable
from indexer.tables import Filters
from service.answers import Mode, Named, PaperPage, Related, RelatedRequest, Sort
from service.explore import held, named, path_to
from service.related import related
from service.scores import scores_of
from service.summaries import summarise
from service.works import other_records

MOST_NAMED = 200  # references and citers listed by title; the counts are of all

SAMPLE_COMMENT = "Sample library: the abstract is written for paperkin, it is not the authors' text."


def paper_page(
    library: Library,
    text: str,
    *,
    k: int = 20,
    mode: Mode = Mode.FUSED,
    sort: Sort = Sort.DATE,
    open_license: bool = False,
) -> PaperPage:
    """The page of the paper that `text` names (any form of id, with or without version) and its k related papers.

    They are those that are most related by the evidence of `mode`, in whatever order they are shown.
    With `open_license` only papers of open licence are among the related; references and citers are named in any
    case, for they are facts about the paper.
    """
    key, paper, version = held(library, text)
    filters = Filters(open_license=open_license)
    wishes = RelatedRequest(liked=(str(paper.id),), k=k, filters=filters, mode=mode, sort=sort)
    answer = related(library, wishes)
    derived = library.derived()
    row = int(derived.catalogue.rows(np.array([key]))[0])
    topic = derived.topic_at(row)
    references, cited_by, counts = _citations(library, derived, key)
    return PaperPage(
        paper=paper,
        version=version or paper.latest_version,
        summary=summarise(paper.abstract),
        score=float(scores_of(derived)[row]) if row >= 0 else 50.0,
        topics=path_to(derived, topic) if topic else (),
        placement=derived.topics.placement(key),
        references=references,
        cited_by=cited_by,
        reference_count=counts[0],
        citation_count=counts[1],
        related=newest_first(answer.results) if sort is Sort.DATE else answer.results,
        generation=answer.generation,
        note=_note(paper),
        same_work=_same_work(library, derived, key),
        open_license=open_license,
        mode=mode,
        sort=sort,
    )


def newest_first(results: Iterable[Related]) -> tuple[Related, ...]:
    """Related papers as the page has them: by the minute of their submission, which the index knows to the day."""
    return tuple(sorted(results, key=lambda one: (one.paper.submitted, str(one.paper.id)), reverse=True))


def _citations(
    library: Library, derived: Derived, key: int
) -> tuple[tuple[Named, ...], tuple[Named, ...], tuple[int, int]]:
    """References and citers held, and how many there are in all."""
    node = derived.graph.position(key)
    if node is None:
        return (), (), (0, 0)
    references, citers = derived.graph.references_of(node), derived.graph.citers_of(node)
    return (
        named(library, derived, references, most=MOST_NAMED),
        named(library, derived, citers, most=MOST_NAMED),
        (len(references), len(citers)),
    )


def _same_work(library: Library, derived: Derived, key: int) -> tuple[Named, ...]:
    """The other records of the work, the earliest first."""
    titles = library.store.titles(other_records(derived, key)).values()
    records = [Named(paper_id, readable(title)) for paper_id, title in titles]
    return tuple(sorted(records, key=lambda one: (one.id.month, one.id)))


def _note(paper: Paper) -> str | None:
    """What a reader must know before reading the abstract: the sample's texts are ours."""
    return paper.comments if paper.comments == SAMPLE_COMMENT else None

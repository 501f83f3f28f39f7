"""What a set of papers misses: works that several of them cite, and papers that a draft should cite and does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from indexer.citations import Positions, gather, shared
from indexer.errors import SettingsError
from indexer.library import Derived, Library
from indexer.papers import PaperId
from indexer.plain_text import readable
from indexer.sources.references.normal import normal_title, squeezed
from indexer.tables import Filters, Keys
from service.answers import (
    Finding,
    Gap,
    GapOrder,
    GapsAnswer,
    GapsRequest,
    Missing,
    Named,
    Related,
    RelatedRequest,
    ReviewAnswer,
    ReviewRequest,
    Signal,
    Why,
)
from service.related import MOST_RESULTS, related
from service.seeds import SeedList, none_held, resolve_seeds
from service.works import first_of_each, works_of

Counts = npt.NDArray[np.int64]

_NAMED = 5  # papers that are named as evidence
_ONE_IN = 50  # seeds: of a long list two cite many a work by chance


@dataclass(frozen=True, slots=True)
class _Cited:
    """Works that seeds cite, each once: int64 [n], ascending by key, with how many seeds and papers cite them.

    `pairs` int64 [m, 2], ascending, are the cited works with the seeds that cite them.
    """

    works: Keys
    counts: Counts
    citers: Counts
    pairs: npt.NDArray[np.int64]

    def only(self, kept: npt.NDArray[np.bool_] | Counts) -> _Cited:
        """Some of the works, by a mask or in an order."""
        return replace(self, works=self.works[kept], counts=self.counts[kept], citers=self.citers[kept])

    def seeds_citing(self, work: int) -> Keys:
        """The seeds that cite a work."""
        first, last = np.searchsorted(self.pairs[:, 0], [work, work + 1])
        return self.pairs[first:last, 1]


def gaps(library: Library, request: GapsRequest) -> GapsAnswer:
    """Works that at least so many of the seeds cite and that are not among them, whether the library holds them or not.

    Works that are not held have no date, category or licence to pass a filter with. Of measures tried on the
    references left out of 600 papers' lists, the count foresaw most (see DECISIONS.md); ties go by lift, then by key.
    Raises `SettingsError` when no seed is held, and for an `at_least` that the seeds cannot reach.
    """
    derived = library.derived()
    seeds = resolve_seeds(library, bib=request.bib, titles=request.titles, ids=request.liked)
    if not seeds.found:
        raise none_held(seeds) if seeds.unknown else SettingsError("give the papers whose gaps are asked for")
    keys = _keys(library, seeds.found)
    works = np.unique(works_of(derived, keys))
    cited = _cited_by(derived, keys)
    with_references = len(np.unique(cited.pairs[:, 1]))
    least = _at_least(request.at_least, len(works), with_references)
    wanted = _wanted(library, cited.only(cited.counts >= least), works, seeds, request.filters)
    lifts = _lifts(derived, wanted, with_references)
    order = _order(wanted, lifts, request.order)
    best = order[: min(max(request.k, 0), MOST_RESULTS)]
    return GapsAnswer(
        seeds=len(works),
        with_references=with_references,
        unknown=seeds.unknown,
        at_least=least,
        results=_named_gaps(library, derived, wanted.only(best), lifts[best]),
        total=len(order),
        generation=derived.generation.number,
    )


def _keys(library: Library, ids: Sequence[PaperId]) -> Keys:
    held = library.store.keys(ids)
    return np.array([held[paper_id] for paper_id in ids if paper_id in held], dtype=np.int64)


def _at_least(asked: int | None, seeds: int, with_references: int) -> int:
    least = max(2, -(-with_references // _ONE_IN)) if asked is None else asked
    if least < 1:
        raise SettingsError(f"at least {least} is no number of seeds; ask for 1 or more")
    if least > seeds:
        fewer = "give more of them, or ask for at least 1" if seeds == 1 else f"ask for {seeds} or fewer"
        raise SettingsError(
            f"at least {least} seeds cannot be asked for where the library holds {seeds}; {fewer}"
        )
    return least


def _cited_by(derived: Derived, keys: Keys) -> _Cited:
    """What seeds cite; the records of one work count once, as citing and as cited."""
    graph = derived.graph
    nodes = graph.positions(keys)
    keys, nodes = keys[nodes >= 0], nodes[nodes >= 0]
    cited, _ = gather(graph.reference_ends, graph.references, nodes, np.ones(len(nodes), np.float32))
    citing = np.repeat(works_of(derived, keys), graph.reference_counts(nodes))
    pairs = np.unique(np.column_stack([works_of(derived, graph.keys[cited]), citing]), axis=0)
    works, counts = np.unique(pairs[:, 0], return_counts=True)
    records = np.unique(cited)
    places = np.searchsorted(works, works_of(derived, graph.keys[records]))
    citers = np.bincount(places, weights=graph.citer_counts(records), minlength=len(works))
    return _Cited(works, counts.astype(np.int64), citers.astype(np.int64), pairs)


def _wanted(library: Library, cited: _Cited, seeds: Keys, given: SeedList, filters: Filters) -> _Cited:
    """Those that are no seeds and pass the filters."""
    cited = cited.only(~np.isin(cited.works, seeds))
    held = library.store.passing(cited.works, Filters(withdrawn=True))
    kept = library.store.passing(cited.works, filters)
    if filters.empty:
        strangers, asked = library.store.ids(cited.works[~held].tolist()), set(given.absent)
        absent = [key for key, paper_id in strangers.items() if paper_id in asked]
        kept |= ~held & ~np.isin(cited.works, np.array(absent, dtype=np.int64))
    return cited.only(kept)


def _lifts(derived: Derived, cited: _Cited, seeds: int) -> npt.NDArray[np.float64]:
    """How much likelier a seed cites each work than another paper of the library does: log-odds ratio, float64 [n].

    Half a paper is added to each of the four counts (Haldane 1956, Anscombe 1956), so that none is infinite.
    """
    graph = derived.graph
    papers = derived.once("papers that cite", lambda: int(np.count_nonzero(np.diff(graph.reference_ends))))
    others = np.maximum(cited.citers - cited.counts, 0)
    rest = np.maximum(papers - seeds - others, 0)
    lifts: npt.NDArray[np.float64] = np.log(
        (cited.counts + 0.5) * (rest + 0.5) / ((np.maximum(seeds - cited.counts, 0) + 0.5) * (others + 0.5))
    )
    return lifts


def _order(cited: _Cited, lifts: npt.NDArray[np.float64], order: GapOrder) -> Counts:
    """Places of works, first the one to be shown first."""
    if order is GapOrder.TELLING:
        weight = cited.counts / np.log(2 + cited.citers)
        return np.lexsort((cited.works, -lifts, -weight))
    return np.lexsort((cited.works, -lifts, -cited.counts))


def _named_gaps(
    library: Library, derived: Derived, cited: _Cited, lifts: npt.NDArray[np.float64]
) -> tuple[Gap, ...]:
    citing = [_most_cited(derived, cited.seeds_citing(work)) for work in cited.works.tolist()]
    ids = library.store.ids(cited.works.tolist())
    titles = _titles(library, [*cited.works.tolist(), *(key for keys in citing for key in keys)])
    return tuple(
        Gap(
            id=ids[work],
            title=titles[work].title if work in titles else "",
            held=work in titles,
            count=count,
            citers=citers,
            lift=lift,
            cited_by=tuple(titles[key] for key in keys if key in titles),
        )
        for work, count, citers, lift, keys in zip(
            cited.works.tolist(),
            cited.counts.tolist(),
            cited.citers.tolist(),
            lifts.tolist(),
            citing,
            strict=True,
        )
    )


def _most_cited(derived: Derived, keys: Keys) -> list[int]:
    """The papers that the library cites most, the first few; of equals the one of the smaller key."""
    nodes = derived.graph.positions(keys)
    order = np.lexsort((keys, -derived.graph.citer_counts(nodes)))[:_NAMED]
    found: list[int] = keys[order].tolist()
    return found


def _titles(library: Library, keys: list[int]) -> dict[int, Named]:
    return {
        key: Named(paper_id, readable(title))
        for key, (paper_id, title) in library.store.titles(dict.fromkeys(keys)).items()
    }


def review(library: Library, request: ReviewRequest) -> ReviewAnswer:
    """Papers that a draft should perhaps cite and does not, most related first; its references are evidence.

    Raises `SettingsError` for a draft without an abstract. References that the library does not hold are reported.
    """
    if not request.abstract.strip():
        raise SettingsError("the draft has no abstract; give its text, with the title before it if you like")
    derived = library.derived()
    draft = resolve_seeds(library, bib=request.bib, titles=request.titles, ids=request.liked)
    cited = _keys(library, draft.found)
    answer = related(
        library,
        RelatedRequest(
            text=f"{request.title}\n\n{request.abstract}".strip(),
            k=request.k,
            filters=request.filters,
            known_references=tuple(map(str, draft.found)),
        ),
    )
    titles = _titles(library, cited.tolist())
    return ReviewAnswer(
        cited=tuple(titles[key] for key in cited.tolist() if key in titles),
        unknown=(*draft.unknown, *answer.unknown),
        results=_missing(library, derived, _others(answer.results, request), cited),
        baseline=answer.baseline,
        generation=answer.generation,
    )


def _others(results: Sequence[Related], request: ReviewRequest) -> list[Related]:
    """The results that are not the draft's own preprint, known by its title, or the first line of its text."""
    own = _letters(request.title or request.abstract.strip().partition("\n")[0])
    return [one for one in results if _letters(one.paper.title) != own]


def _letters(title: str) -> str:
    return squeezed(normal_title(title))


def _missing(
    library: Library, derived: Derived, results: Sequence[Related], cited: Keys
) -> tuple[Missing, ...]:
    """The results that are no record of a work cited, with why the draft may miss them."""
    keys = _keys(library, [one.paper.id for one in results])
    news = ~np.isin(works_of(derived, keys), works_of(derived, cited))
    known = derived.graph.positions(cited[first_of_each(works_of(derived, cited))])
    known = np.unique(known[known >= 0])
    nodes = derived.graph.positions(keys)
    return tuple(
        Missing(one, _findings(library, derived, one, node, known))
        for one, node, kept in zip(results, nodes.tolist(), news.tolist(), strict=True)
        if kept
    )


def _findings(
    library: Library, derived: Derived, one: Related, node: int, known: Positions
) -> tuple[Finding, ...]:
    """Why a paper is missed: what the draft's references say first, its text where they say nothing or less."""
    graph, found = derived.graph, []
    if node >= 0:
        citing, same = shared(graph.citers_of(node), known), shared(graph.references_of(node), known)
        for why, nodes, said in (
            (Why.CITED_BY_REFERENCES, citing, "cited by {} of your references"),
            (Why.SHARED_REFERENCES, same, "shares {} of your references"),
        ):
            if len(nodes):
                keys = _most_cited(derived, np.asarray(graph.keys[nodes]))
                named = _titles(library, keys)
                papers = tuple(named[key] for key in keys if key in named)
                found.append(Finding(why, len(nodes), said.format(len(nodes)), papers))
    strongest = max(one.reasons, key=lambda reason: reason.contribution, default=None)
    for reason in one.reasons:
        if reason.signal is Signal.TEXT and (reason is strongest or not found):
            found.append(Finding(Why.TEXT, 0, reason.text))
    return tuple(found)

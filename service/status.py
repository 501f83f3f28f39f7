"""How the library stands: what it holds, which generation answers, whether an update is due."""

from __future__ import annotations

from typing import Any

from indexer.catalogue import Catalogue
from indexer.errors import GenerationError
from indexer.library import Library
from indexer.tables import Coverage
from indexer.updating import source_facts

_MONTHS = 6  # that are shown in a line


def library_status(library: Library) -> dict[str, Any]:
    """Counts of the store and facts of the generation, as plain data; works before the first update too."""
    store = library.store.status()
    found: dict[str, Any] = {
        "library": library.settings.library,
        "papers": store.papers,
        "withdrawn": store.withdrawn,
        "vanished": store.vanished,
        "citations": store.citations,
        "papers_with_references": store.papers_with_references,
        "sources": [
            {
                "name": source.name,
                "kind": source.kind,
                "last_read": source.last_read.isoformat(),
                "quarantined": source.quarantined,
                "compared": source.reconciled.isoformat() if source.reconciled else None,
            }
            for source in store.sources
        ],
        "references": reference_coverage(library.store.coverage()),
        "generation": None,
    }
    try:
        generation = library.derived().generation
    except GenerationError as error:
        return found | {"update_due": True, "problem": str(error)}
    facts = generation.facts
    now = source_facts(store, Catalogue.of(library.store.table()))
    return found | {
        "generation": generation.number,
        "made": generation.created.isoformat(),
        "indexed": facts["vectors"],
        "topics": facts["topics"],
        "model": facts["fingerprint"],
        "update_due": bool(generation.damage) or not now.items() <= facts.items(),
        "problem": generation.damage,
    }


def quarantined_records(library: Library) -> list[dict[str, str]]:
    """Records that could not be read and have not been since, as they came: the latest 100 of each source."""
    return [
        {"source": source.name, "where": one.where, "reason": one.reason, "record": one.raw}
        for source in library.store.status().sources
        if source.quarantined
        for one in library.store.quarantined(source.name)
    ]


def reference_coverage(coverage: Coverage) -> dict[str, Any]:
    """Which share of the papers has references, in all, by source and by month of the id (newest first)."""
    papers = int(coverage.papers.sum())

    def share(count: int, of: int = papers) -> float:
        return round(count / max(of, 1), 4)

    months = [
        {
            "month": f"{month // 100}-{month % 100:02}",
            "papers": held,
            "share": share(covered, held),
            "by_source": {
                name: share(int(counts[at]), held)
                for name, counts in coverage.by_source.items()
                if counts[at]
            },
        }
        for at, (month, held, covered) in enumerate(
            zip(coverage.months.tolist(), coverage.papers.tolist(), coverage.covered.tolist(), strict=True)
        )
    ]
    return {
        "share": share(int(coverage.covered.sum())),
        "by_source": {name: share(int(counts.sum())) for name, counts in coverage.by_source.items()},
        "by_month": months[::-1],
    }


def month_rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    """The references by month as a table: papers, share with references, share by each source."""
    references = found["references"]
    sources = list(references["by_source"])
    return [("month", "papers", "with references", *sources)] + [
        (
            one["month"],
            f"{one['papers']:,}",
            f"{one['share']:.0%}",
            *(f"{one['by_source'].get(name, 0):.0%}" for name in sources),
        )
        for one in references["by_month"]
    ]


def status_lines(found: dict[str, Any]) -> list[str]:
    """The same for reading."""
    gone = f", {found['vanished']:,} vanished" if found["vanished"] else ""
    lines = [
        f"library     {found['library']}",
        f"papers      {found['papers']:,} ({found['withdrawn']:,} withdrawn{gone})",
        f"citations   {found['citations']:,}; {found['references']['share']:.0%} of the papers have references",
    ]
    lines += [f"references  {line}" for line in _reference_lines(found["references"])]
    lines += [f"source      {_source_line(one)}" for one in found["sources"]]
    if found["generation"] is not None:
        lines += [
            f"generation  {found['generation']}, made {found['made'][:16]}: {found['indexed']:,} papers indexed, "
            f"{found['topics']} topics",
            f"model       {found['model']}",
        ]
    if found["problem"]:
        lines.append(f"problem     {found['problem']}")
    lines.append("update      due: run `paperkin update`" if found["update_due"] else "update      not due")
    return lines


def _reference_lines(references: dict[str, Any]) -> list[str]:
    """Coverage by source and of the last months: new papers are what a graph lacks first."""
    sources = references["by_source"]
    months = [one for one in references["by_month"] if one["papers"]][:_MONTHS]
    lines = []
    if len(sources) > 1:
        best_first = sorted(sources.items(), key=lambda one: -one[1])
        lines.append("by source: " + ", ".join(f"{share:.0%} {name}" for name, share in best_first))
    if sources and len(months) > 1:
        lines.append("by month: " + ", ".join(f"{one['month']} {one['share']:.0%}" for one in months))
    return lines


def _source_line(source: dict[str, Any]) -> str:
    told = [f"last read {source['last_read'][:16]}"]
    if source["compared"]:
        told.append(f"compared {source['compared'][:10]}")
    if source["quarantined"]:
        told.append(f"{source['quarantined']:,} records quarantined")
    return f"{source['name']} ({', '.join(told)})"

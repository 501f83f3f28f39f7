"""How the library stands: what it holds, which generation answers, whether an update is due."""

from __future__ import annotations

from typing import Any

from indexer.catalogue import Catalogue
from indexer.errors import GenerationError
from indexer.library import Library
from indexer.pipeline import source_facts


def library_status(library: Library) -> dict[str, Any]:
    """Counts of the store and facts of the generation, as plain data; works before the first update too."""
    store = library.store.status()
    found: dict[str, Any] = {
        "library": library.settings.library,
        "papers": store.papers,
        "withdrawn": store.withdrawn,
        "citations": store.citations,
        "papers_with_references": store.papers_with_references,
        "sources": [
            {"name": source.name, "kind": source.kind, "last_read": source.last_read.isoformat()}
            for source in store.sources
        ],
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


def status_lines(found: dict[str, Any]) -> list[str]:
    """The same for reading."""
    share = found["papers_with_references"] / max(found["papers"], 1)
    lines = [
        f"library     {found['library']}",
        f"papers      {found['papers']:,} ({found['withdrawn']:,} withdrawn)",
        f"citations   {found['citations']:,}; {share:.0%} of the papers have references",
    ]
    lines += [f"source      {one['name']} (last read {one['last_read'][:16]})" for one in found["sources"]]
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

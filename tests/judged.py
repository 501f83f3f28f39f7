"""Tiny judged sets in the forms of CSFCube, of rated profiles and of BEIR, and a library's judgements."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.libraries import three_topics

# Nine papers: w0, w3, w6 on neutrinos, w1, w4, w7 on parsing, w2, w5, w8 on diffusion.
PAPERS = [
    {"id": f"w{at}", "title": paper.title, "abstract": paper.abstract}
    for at, paper in enumerate(three_topics(3))
]


def lines(path: Path, records: Sequence[Mapping[str, Any]]) -> Path:
    """A file of JSON lines, its folder made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def graded(folder: Path) -> Path:
    """Two queries with a pool of five each: the two papers on their topic are alike."""
    lines(folder / "papers.jsonl", PAPERS)
    pools = [
        {"query": "w0", "facet": "method", "grades": {"w3": 3, "w6": 2, "w1": 0, "w2": 1, "w4": 0}},
        {"query": "w1", "facet": "result", "grades": {"w8": 0, "w4": 2, "w7": 3, "w2": 0, "w3": 0}},
    ]
    lines(folder / "dev.jsonl", pools)
    return folder


def profiled(folder: Path) -> Path:
    """Two researchers in two sets; what they rate best is on the topic of their own papers."""
    lines(folder / "papers.jsonl", PAPERS)
    ratings = {"ada": {"w3": 5.0, "w1": 2.0, "w2": 1.0}, "bob": {"w8": 4.5, "w5": 4.0, "w4": 1.5}}
    submitted = sorted({name for rated in ratings.values() for name in rated})
    archives = [{"ada": ["w0", "w6"], "bob": ["w2"]}, {"ada": ["w6"], "bob": ["w2"]}]
    sets = [{"submissions": submitted, "archives": own} for own in archives]
    (folder / "dev.json").write_text(json.dumps({"ratings": ratings, "sets": sets}))
    return folder


def searched(folder: Path) -> Path:
    """Two questions that are judged and one that is not."""
    lines(
        folder / "corpus.jsonl",
        [{"_id": one["id"], "title": one["title"], "text": one["abstract"]} for one in PAPERS],
    )
    texts = {"q1": "neutrino oscillations in water", "q2": "parsing with a treebank", "q3": "nothing"}
    lines(folder / "queries.jsonl", [{"_id": name, "text": text} for name, text in texts.items()])
    (folder / "qrels").mkdir()
    judged = [("q1", "w0", 1), ("q1", "w3", 1), ("q1", "w1", 0), ("q2", "w4", 1)]
    rows = "".join(f"{query}\t{name}\t{score}\n" for query, name, score in judged)
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{rows}")
    return folder


MAKERS = {"grades": graded, "profiles": profiled, "search": searched}

"""Judgements: for each query, what people (or their reference lists) call relevant."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from indexer.errors import InvalidPaperId, SourceError
from indexer.papers import PaperId

Judgements = dict[PaperId, frozenset[PaperId]]


def read_judgements(path: Path) -> Judgements:
    """Read lines `query<TAB>relevant`, a header allowed; binary, in the order of the file's queries.

    Raises `SourceError` naming the line that cannot be read, or a file without judgements.
    """
    relevant: defaultdict[PaperId, set[PaperId]] = defaultdict(set)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise SourceError(f"the judgements in {path} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} holds no judgements: it is not text in UTF-8") from error
    for number, line in enumerate(lines, 1):
        if not line.strip() or (number == 1 and not any(letter.isdigit() for letter in line)):
            continue
        fields = line.split("\t")
        try:
            query, document = (PaperId.parse(field) for field in fields[:2])
        except (InvalidPaperId, ValueError) as error:
            raise SourceError(f"line {number} of {path} is no pair of arXiv ids: {line[:80]!r}") from error
        relevant[query].add(document)
    if not relevant:
        raise SourceError(f"{path} holds no judgements; expected lines of query<TAB>relevant")
    return {query: frozenset(documents) for query, documents in relevant.items()}

"""Rankings as files: TREC runs, lines of `query Q0 document rank score system`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import SourceError


@dataclass(frozen=True, slots=True)
class Run:
    """The rankings of one system by name of the question, best first."""

    system: str
    rankings: Mapping[str, Sequence[str]]


def write_run(run: Run, path: Path) -> None:
    """Write a run; scores fall by one a rank, since ties would be broken by each reader in its own way."""
    with path.open("w", encoding="utf-8") as stream:
        for question, ranking in run.rankings.items():
            for place, name in enumerate(ranking):
                score = len(ranking) - place
                system = run.system.replace(" ", "-")
                stream.write(f"{question} Q0 {name} {place + 1} {score} {system}\n")


def read_run(path: Path) -> Run:
    """Read a run of one system, ordered by score (equals by rank), as its readers do.

    Raises `SourceError` naming the line that cannot be read, a second system, or a file without rankings.
    """
    scored: defaultdict[str, dict[str, tuple[float, int]]] = defaultdict(dict)
    system = ""
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        fields = line.split()
        try:
            query, _, name, rank, score, named = fields
            place = (-float(score), int(rank))
        except ValueError as error:
            raise SourceError(
                f"line {number} of {path} is not of the form `query Q0 document rank score system`: {line[:80]!r}"
            ) from error
        if system and named != system:
            raise SourceError(f"{path} holds runs of {system} and of {named}; give each its own file")
        system = named
        scored[query].setdefault(name, place)
    if not scored:
        raise SourceError(f"{path} holds no rankings; expected lines of query Q0 document rank score system")
    return Run(system, {query: sorted(found, key=found.__getitem__) for query, found in scored.items()})


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise SourceError(f"the scores in {path} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} holds no rankings: it is not text in UTF-8") from error

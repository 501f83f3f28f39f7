"""Derived files as generations: complete or invisible, checked by readers, never changed once published.

    ROOT/CURRENT.json              a copy of the manifest of the generation that answers
    ROOT/gen-000012/manifest.json  what the generation holds, with size and SHA-256 of every file
    ROOT/gen-000012/...            the files
    ROOT/gen-000013.tmp/           a generation being written, or left by a writer that died

Publishing: write and fsync the files in a fresh folder, the manifest, the folder; read all of it back and
check it; rename the folder, fsync the root; replace CURRENT.json by one rename, fsync the root; remove what
is older than the generation before. A crash or a full disk at any point leaves what was published in place.

Reading: CURRENT.json says what to check; where that does not hold, the newest older generation that is
complete answers, and `Generation.damage` says so. A reader keeps what it has open or mapped when the files
are removed; as the generation before the current one is kept, it has the time of two publications to open
them.

One process publishes at a time: the one that writes the store.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from indexer.errors import GenerationError
from indexer.manifest import (
    JSON,
    MANIFEST,
    MAX_MANIFEST,
    DamageError,
    FileFacts,
    Generation,
    check_files,
    decode,
    encode,
    is_plain,
)

__all__ = ["CURRENT", "JSON", "Check", "Draft", "Files", "Generation", "Generations"]

Check: TypeAlias = Callable[[Generation], None]

CURRENT = "CURRENT.json"
_FOLDER = re.compile(r"gen-(\d{6,})")
_UNFINISHED = ".tmp"
_TRIES = 3  # of a reader that publications overtook


class Files:
    """Every step whose order counts when the power fails; tests make each of them fail."""

    def make_folder(self, path: Path) -> None:
        """Make a folder and those above it."""
        path.mkdir(parents=True)

    def write(self, path: Path, data: bytes) -> None:
        """Write a file, not yet safe from a power failure."""
        path.write_bytes(data)

    def sync(self, path: Path) -> None:
        """Make a file's content, or a folder's list of names, safe from a power failure."""
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def move(self, source: Path, target: Path) -> None:
        """Rename, in place of a file that bears the name."""
        source.replace(target)

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name; copy it where the file system knows no such thing."""
        try:
            target.hardlink_to(source)
        except OSError:
            shutil.copyfile(source, target)

    def remove(self, path: Path) -> None:
        """Remove a file, or a folder with what is in it."""
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


class Draft:
    """A generation being written: put plain files into the folder `path`; `carry` those that stay alike."""

    def __init__(self, path: Path, previous: Generation | None, files: Files) -> None:
        self.path = path
        self.previous = previous
        self.carried: dict[str, FileFacts] = {}
        self._files = files

    def carry(self, name: str) -> bool:
        """Take over a file of the generation before without writing it again; False where there is none.

        Both generations share the file from now on: never write to it.
        """
        if self.previous is None or name not in self.previous.files:
            return False
        self._files.link(self.previous.file(name), self.path / name)
        self.carried[name] = self.previous.files[name]
        return True


class Generations:
    """The generations in the folder `root`, which need not exist yet."""

    def __init__(self, root: Path, files: Files | None = None) -> None:
        self.root = root
        self._files = files or Files()

    def current(self, *, check: Check | None = None) -> Generation:
        """Find the newest published generation that is complete: every file as written, `check` content.

        `check` raises `GenerationError` for one that must not answer. Raise `GenerationError` if none can.
        """
        for _ in range(_TRIES):
            seen, raw = self._read_current()
            found, faults = self._newest(raw, check)
            if (found is not None and not faults) or self._stat() == seen:
                break
        if found is None and raw is None and not self._numbers():
            raise GenerationError(f"{self.root} holds no derived files yet; run `paperkin update`")
        if found is None:
            raise GenerationError(
                f"{self.root} holds no complete generation ({'; '.join(faults)}); run `paperkin update`"
            )
        damage = "; ".join([*faults, f"generation {found.number} answers"]) if faults else None
        return replace(found, damage=damage, seen=seen)

    def changed_since(self, generation: Generation) -> bool:
        """Tell whether something was published since `generation` was given out, at the price of one stat."""
        return self._stat() != generation.seen

    def publish(
        self, write: Callable[[Draft], Mapping[str, JSON]], *, now: datetime, check: Check | None = None
    ) -> Generation:
        """Let `write` fill a new generation and give its facts, and publish it; or raise and change nothing.

        `check` sees the complete generation before any reader does, in a folder that is renamed afterwards,
        and raises `GenerationError` if it must not be published. A full disk is a `GenerationError` as well.
        """
        try:
            previous = self._prepare()
            number = max([0, *self._numbers()]) + 1
            raw = self._fill(number, previous, write, now=now, check=check)
            self._point_to(raw)
        except OSError as error:
            raise GenerationError(
                f"cannot write derived files in {self.root}: {error.strerror or error}; what was published "
                "before still answers; free space or check the disk, then run `paperkin update`"
            ) from error
        except DamageError as damage:
            raise GenerationError(
                f"the disk does not give back what was written in {self.root}: {damage}; check the disk, "
                "then run `paperkin update`"
            ) from damage
        kept = {number, previous.number if previous else number}
        self._discard(self._folder(old) for old in self._numbers() - kept)
        return replace(decode(raw, self._folder(number)), seen=self._stat())

    def _prepare(self) -> Generation | None:
        """Remove what dead writers left; give the generation that answers now."""
        if not self.root.exists():
            self._files.make_folder(self.root)
            self._files.sync(self.root.parent)
        self._discard(path for path in list(self.root.iterdir()) if path.name.endswith(_UNFINISHED))
        try:
            previous = self.current()
        except GenerationError:
            return None
        if previous.damage is None:  # then what is newer was renamed, but never published
            self._discard(self._folder(number) for number in self._numbers() if number > previous.number)
        return previous

    def _fill(
        self,
        number: int,
        previous: Generation | None,
        write: Callable[[Draft], Mapping[str, JSON]],
        *,
        now: datetime,
        check: Check | None,
    ) -> bytes:
        """Write a generation to its final folder, safe on disk and checked; give its manifest."""
        folder = self._folder(number)
        draft = Draft(folder.with_name(folder.name + _UNFINISHED), previous, self._files)
        try:
            self._files.make_folder(draft.path)
            facts = write(draft)
            raw = encode(Generation(number, draft.path, now, facts, self._sealed(draft)))
            self._files.write(draft.path / MANIFEST, raw)
            self._files.sync(draft.path / MANIFEST)
            self._files.sync(draft.path)
            _verify((draft.path / MANIFEST).read_bytes(), draft.path, number, check)
            self._files.move(draft.path, folder)
        finally:
            self._discard([draft.path])
        self._files.sync(self.root)
        return raw

    def _sealed(self, draft: Draft) -> dict[str, FileFacts]:
        """Make the files of a draft safe on disk; give their facts."""
        files: dict[str, FileFacts] = {}
        for path in sorted(draft.path.iterdir()):
            if not is_plain(path.name) or path.is_symlink() or not path.is_file():
                raise ValueError(f"a generation holds plain files only, not {path.name!r}")
            self._files.sync(path)
            files[path.name] = FileFacts.of(path)
            if files[path.name] != draft.carried.get(path.name, files[path.name]):
                raise DamageError(f"{path.name}, shared with the generation before, was written to")
        return files

    def _point_to(self, raw: bytes) -> None:
        fresh = self.root / (CURRENT + _UNFINISHED)
        self._files.write(fresh, raw)
        self._files.sync(fresh)
        self._files.move(fresh, self.root / CURRENT)
        self._files.sync(self.root)

    def _newest(self, raw: bytes | None, check: Check | None) -> tuple[Generation | None, list[str]]:
        """Find what can answer, given the content of CURRENT.json, and what is wrong with what should."""
        faults: list[str] = []
        numbers = self._numbers()
        published = None
        try:
            if raw is None:
                faults.append(f"{CURRENT} is missing or cannot be read")
            else:
                published = decode(raw, self.root).number
                numbers = {number for number in numbers if number < published} | {published}
        except DamageError as damage:
            faults.append(f"{CURRENT} {damage}")
        for number in sorted(numbers, reverse=True):
            folder = self._folder(number)
            own = _content(folder / MANIFEST)
            if number == published and own != raw:
                faults.append(f"{MANIFEST} of generation {number} is not what {CURRENT} says")
                own = raw
            try:
                return _verify(own or b"", folder, number, check), faults
            except (DamageError, GenerationError) as damage:
                faults.append(f"generation {number}: {damage}")
        return None, faults

    def _folder(self, number: int) -> Path:
        return self.root / f"gen-{number:06}"

    def _numbers(self) -> set[int]:
        try:
            names = [path.name for path in self.root.iterdir()]
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise GenerationError(
                f"cannot read derived files in {self.root}: {error.strerror or error}; check who owns them"
            ) from error
        return {int(found[1]) for name in names if (found := _FOLDER.fullmatch(name))}

    def _discard(self, paths: Iterable[Path]) -> None:
        """Remove folders and files; what cannot be removed now is removed at the next publication."""
        for path in paths:
            with suppress(OSError):
                if _FOLDER.fullmatch(path.name):  # half removed, it must not look like a generation
                    unfinished = path.with_name(path.name + _UNFINISHED)
                    self._files.move(path, unfinished)
                    self._files.remove(unfinished)
                elif path.exists():
                    self._files.remove(path)

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            return _identity((self.root / CURRENT).stat())
        except OSError:
            return None

    def _read_current(self) -> tuple[tuple[int, int, int] | None, bytes | None]:
        try:
            with (self.root / CURRENT).open("rb") as file:
                return _identity(os.fstat(file.fileno())), file.read(MAX_MANIFEST + 1)
        except OSError:
            return None, None


def _verify(raw: bytes, path: Path, number: int, check: Check | None) -> Generation:
    """Check a generation against its manifest, byte by byte, then by `check`; raise if it fails."""
    try:
        generation = decode(raw, path)
    except DamageError as damage:
        raise DamageError(f"{MANIFEST} {damage}") from damage
    if generation.number != number:
        raise DamageError(f"{MANIFEST} is of generation {generation.number}")
    check_files(generation)
    if check is not None:
        check(generation)
    return generation


def _content(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(MAX_MANIFEST + 1)
    except OSError:
        return None


def _identity(stat: os.stat_result) -> tuple[int, int, int]:
    """Give what tells one CURRENT.json from the next: each is a new file."""
    return stat.st_ino, stat.st_mtime_ns, stat.st_size

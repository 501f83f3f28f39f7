from __future__ import annotations

import hashlib
import json
import mmap
import subprocess
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import GenerationError
from indexer.generations import CURRENT, JSON, Draft, Generation, Generations
from indexer.manifest import MANIFEST, DamageError, FileFacts, decode, encode
from tests.builders import NOW
from tests.failing_files import NAMES, Step, content, publish, write

REPOSITORY = Path(__file__).parent.parent


def answers(root: Path) -> int:
    """The revision that answers, all of whose files are what its writer wrote."""
    generation = Generations(root).current()
    revision = generation.facts["revision"]
    assert isinstance(revision, int)
    for name in NAMES:
        assert generation.file(name).read_bytes() == content(revision, name)
    return revision


def folders(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "library.db.derived"


def test_publishing_makes_a_generation_that_readers_find(root: Path) -> None:
    published = publish(root, 1)
    current = Generations(root).current()
    assert current == published
    assert (current.number, current.created, current.damage) == (1, datetime(2026, 8, 1, tzinfo=UTC), None)
    assert current.facts == {"revision": 1, "fingerprint": "minilm", "counts": {"papers": 10}}
    assert current.path == root / "gen-000001"
    assert {name: facts.size for name, facts in current.files.items()} == {
        name: len(content(1, name)) for name in NAMES
    }
    assert answers(root) == 1
    assert (root / CURRENT).read_bytes() == (root / "gen-000001" / MANIFEST).read_bytes()
    manifest = json.loads((root / CURRENT).read_bytes())
    assert (manifest["format"], manifest["generation"]) == (1, 1)
    assert manifest["created"] == "2026-08-01T00:00:00+00:00"
    with pytest.raises(GenerationError, match=r"no other\.bin; run `paperkin update`"):
        current.file("other.bin")


def test_the_current_generation_and_the_one_before_are_kept(root: Path) -> None:
    publish(root, 1, 2, 3, 4)
    assert folders(root) == [CURRENT, "gen-000003", "gen-000004"]
    assert answers(root) == 4


def test_numbers_are_never_given_twice(root: Path) -> None:
    publish(root, 1, 2)
    (root / "gen-000007.tmp").mkdir()
    (root / "gen-000005").mkdir()
    (root / CURRENT).unlink()
    assert publish(root, 3).number == 6
    assert answers(root) == 3


def test_nothing_published_yet(root: Path) -> None:
    for _ in range(2):
        with pytest.raises(GenerationError, match="no derived files yet; run `paperkin update`"):
            Generations(root).current()
        root.mkdir(exist_ok=True)


def test_a_server_notices_a_new_generation(root: Path) -> None:
    publish(root, 1)
    reader = Generations(root)
    first = reader.current()
    assert not reader.changed_since(first)
    second = publish(root, 2)
    assert reader.changed_since(first)
    assert not reader.changed_since(second)
    assert not reader.changed_since(reader.current())
    (root / CURRENT).unlink()
    assert reader.changed_since(second)
    assert not reader.changed_since(reader.current())


def test_a_reader_keeps_what_it_holds(root: Path) -> None:
    publish(root, 1)
    held = Generations(root).current()
    with (
        held.file("index.bin").open("rb") as file,
        mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped,
    ):
        publish(root, 2, 3, 4)
        assert not held.path.exists()
        assert mapped[:] == file.read() == content(1, "index.bin")


def test_files_that_stay_alike_are_shared(root: Path) -> None:
    publish(root, 1)

    def fill(draft: Draft) -> Mapping[str, JSON]:
        assert draft.previous is not None
        assert draft.previous.number == 1
        assert not draft.carry("unheard-of.bin")
        assert draft.carry("index.bin")
        (draft.path / "graph.npy").write_bytes(b"new")
        return {"revision": 2}

    second = Generations(root).publish(fill, now=NOW)
    assert second.file("index.bin").samefile(root / "gen-000001" / "index.bin")
    publish(root, 3, 4)
    assert not (root / "gen-000001").exists()
    assert not (root / "gen-000002").exists()


def test_a_shared_file_that_was_written_to_is_refused(root: Path) -> None:
    publish(root, 1)

    def fill(draft: Draft) -> Mapping[str, JSON]:
        draft.carry("index.bin")
        (draft.path / "index.bin").write_bytes(b"other")
        return {}

    with pytest.raises(GenerationError, match=r"index\.bin, shared with the generation before"):
        Generations(root).publish(fill, now=NOW)


def test_a_file_system_without_links_copies(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(root, 1)

    def refuse(_self: Path, _target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    second = Generations(root).publish(lambda draft: {"carried": draft.carry("index.bin")}, now=NOW)
    assert second.facts["carried"] is True
    assert second.file("index.bin").read_bytes() == content(1, "index.bin")
    assert second.file("index.bin").stat().st_nlink == 1


def test_a_deeper_check_stops_publishing_and_makes_readers_fall_back(root: Path) -> None:
    publish(root, 1)
    checked: list[Path] = []

    def refuse_two(generation: Generation) -> None:
        checked.append(generation.file("index.bin"))
        if generation.facts["revision"] == 2:
            raise GenerationError("the index does not find its own vectors")

    with pytest.raises(GenerationError, match="does not find its own"):
        Generations(root).publish(write(2), now=NOW, check=refuse_two)
    assert folders(root) == [CURRENT, "gen-000001"]
    publish(root, 2)
    fallen_back = Generations(root).current(check=refuse_two)
    assert fallen_back.facts["revision"] == 1
    assert fallen_back.damage is not None
    assert "does not find its own" in fallen_back.damage
    assert len(checked) == 3


@pytest.mark.parametrize("error", [RuntimeError("a bug"), KeyboardInterrupt(), OSError(28, "No space left")])
def test_a_writer_that_fails_leaves_no_trace(root: Path, error: BaseException) -> None:
    publish(root, 1)

    def fail(draft: Draft) -> Mapping[str, JSON]:
        write(2)(draft)
        raise error

    expected = GenerationError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        Generations(root).publish(fail, now=NOW)
    assert folders(root) == [CURRENT, "gen-000001"]
    assert answers(root) == 1


def test_only_plain_files_and_json_make_a_generation(root: Path) -> None:
    def folder(draft: Draft) -> Mapping[str, JSON]:
        (draft.path / "inner").mkdir()
        return {}

    def link(draft: Draft) -> Mapping[str, JSON]:
        (draft.path / "link").symlink_to("/etc/hostname")
        return {}

    def manifest(draft: Draft) -> Mapping[str, JSON]:
        (draft.path / MANIFEST).write_text("{}")
        return {}

    for wrong in (folder, link, manifest):
        with pytest.raises(ValueError, match="plain files only"):
            Generations(root).publish(wrong, now=NOW)
    for facts in ({"rank": float("nan")}, {"many": "x" * (1 << 20)}):
        with pytest.raises(ValueError, match=r"JSON|too long"):
            Generations(root).publish(lambda _, facts=facts: facts, now=NOW)  # type: ignore[misc]
    with pytest.raises(GenerationError, match="no derived files yet"):
        Generations(root).current()


def damaged_copies(good: bytes, flips: int) -> list[bytes]:
    """Truncated at many lengths, with single bits flipped, with garbage behind."""
    random = np.random.default_rng(0)
    copies = [good[:size] for size in {0, 1, len(good) - 1, *range(0, len(good), max(1, len(good) // 60))}]
    copies += [good + extra for extra in (b"\0", b"\n", b" ", b"garbage", good)]
    for bit in random.integers(0, 8 * len(good), flips).tolist():
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        copies.append(bytes(flipped))
    return copies


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file_is_never_served(root: Path, name: str) -> None:
    publish(root, 1, 2)
    path = root / "gen-000002" / name
    for copy in damaged_copies(path.read_bytes(), 500):
        path.write_bytes(copy)
        generation = Generations(root).current()
        assert generation.facts["revision"] == 1
        assert generation.damage is not None
        assert f"generation 2: {name}" in generation.damage
        assert "generation 1 answers" in generation.damage
    path.unlink()
    assert f"{name} cannot be read" in str(Generations(root).current().damage)
    assert answers(root) == 1


def test_a_damaged_pointer_is_noticed_and_the_newest_complete_generation_answers(root: Path) -> None:
    publish(root, 1, 2)
    for copy in damaged_copies((root / CURRENT).read_bytes(), 500):
        (root / CURRENT).write_bytes(copy)
        generation = Generations(root).current()
        assert generation.damage is not None
        assert CURRENT in generation.damage
        assert "generation 2 answers" in generation.damage
        assert answers(root) == 2


def test_a_damaged_manifest_is_noticed(root: Path) -> None:
    publish(root, 1, 2)
    path = root / "gen-000002" / MANIFEST
    for copy in damaged_copies(path.read_bytes(), 100):
        path.write_bytes(copy)
        assert MANIFEST in str(Generations(root).current().damage)
        assert answers(root) == 2  # CURRENT.json has it too
    (root / CURRENT).write_bytes(b"")
    assert "CURRENT.json is empty" in str(Generations(root).current().damage)
    assert answers(root) == 1


def test_a_missing_pointer_is_noticed(root: Path) -> None:
    publish(root, 1, 2)
    (root / CURRENT).unlink()
    assert "CURRENT.json is missing" in str(Generations(root).current().damage)
    assert answers(root) == 2
    (root / CURRENT).mkdir()
    assert "CURRENT.json is missing or cannot be read" in str(Generations(root).current().damage)


def test_a_dangling_pointer_falls_back(root: Path) -> None:
    publish(root, 1, 2)
    (root / "gen-000002").rename(root.parent / "elsewhere")
    damage = str(Generations(root).current().damage)
    assert "generation 2: its folder is missing" in damage
    assert answers(root) == 1


def test_a_pointer_to_the_generation_before_hides_a_newer_one(root: Path) -> None:
    publish(root, 1)
    pointer = (root / CURRENT).read_bytes()
    publish(root, 2)
    (root / CURRENT).write_bytes(pointer)  # as after a crash before the last rename
    assert answers(root) == 1
    assert Generations(root).current().damage is None
    publish(root, 3)
    assert answers(root) == 3
    assert folders(root) == [CURRENT, "gen-000001", "gen-000002"]


def test_nothing_complete_is_an_error_that_says_what_is_wrong(root: Path) -> None:
    publish(root, 1, 2)
    (root / "gen-000001" / "graph.npy").unlink()
    (root / "gen-000002" / "index.bin").write_bytes(b"")
    with pytest.raises(GenerationError) as caught:
        Generations(root).current()
    sentence = str(caught.value)
    assert "generation 2: index.bin has 0 bytes instead of" in sentence
    assert "generation 1: graph.npy cannot be read (No such file or directory)" in sentence
    assert sentence.endswith("run `paperkin update`")
    assert publish(root, 3).damage is None
    assert answers(root) == 3


def rewritten(raw: bytes, **changes: object) -> bytes:
    """A manifest with other content and a fitting SHA-256, as another program may write."""
    body = {**json.loads(raw), **changes}
    body.pop("sha256")
    body = {name: value for name, value in body.items() if value is not ...}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    body["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    return (json.dumps(body, indent=1, sort_keys=True) + "\n").encode()


FILE = {"size": 3, "sha256": "ab"}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"format": 2}, "format 2, and this paperkin reads format 1"),
        ({"format": "1"}, "format '1'"),
        ({"format": ...}, "no manifest"),
        ({"generation": "2"}, "no manifest"),
        ({"generation": 0}, "no manifest"),
        ({"generation": True}, "no manifest"),
        ({"created": "yesterday"}, "no manifest"),
        ({"created": ...}, "no manifest"),
        ({"facts": None}, "no manifest"),
        ({"files": []}, "no manifest"),
        ({"files": {"a": {"size": 1}}}, "no manifest"),
        ({"files": {"a": 7}}, "no manifest"),
        ({"files": {"../a": FILE}}, "no manifest"),
        ({"files": {"/etc/passwd": FILE}}, "no manifest"),
        ({"files": {MANIFEST: FILE}}, "no manifest"),
        ({"files": {"": FILE}}, "no manifest"),
        ({"extra": 1}, "SHA-256 does not fit"),
        ({"generation": 5}, None),
    ],
)
def test_every_fault_of_a_manifest(root: Path, changes: Mapping[str, object], complaint: str | None) -> None:
    publish(root, 1, 2)
    raw = rewritten((root / CURRENT).read_bytes(), **changes)
    for path in (root / CURRENT, root / "gen-000002" / MANIFEST):
        path.write_bytes(raw)
    damage = str(Generations(root).current().damage)
    assert (complaint or "generation 5: its folder is missing") in damage
    assert answers(root) == 1


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b"{}", b"[" * 100_000, b"\xff\xfe", b"{" * 2_000_000])
def test_what_is_no_manifest_is_refused(raw: bytes) -> None:
    with pytest.raises(DamageError, match=r"empty|damaged"):
        decode(raw, Path())


def test_a_manifest_is_read_as_it_was_written() -> None:
    facts: dict[str, JSON] = {"é\ud800": [1, 2.5, None, True, {"x": "\u2028"}], "a": 1e-300}
    generation = Generation(3, Path(), NOW, facts, {"b": FileFacts(1, "x"), "a": FileFacts(2, "y")})
    assert decode(encode(generation), Path()) == generation


def fail() -> None:
    raise OSError(28, "No space left on device")


def count_steps(tmp_path: Path) -> int:
    publish(tmp_path / "counted", 1, 2, 3)
    counting = Step(0, fail)
    publish(tmp_path / "counted", 4, files=counting)
    return len(counting.steps)


def outcome(root: Path, failing_at: int) -> str:
    """How a publication ends whose Nth step fails, having checked what answers then."""
    try:
        publish(root, 4, files=Step(failing_at, fail))
    except GenerationError as error:
        if "No space left on device" in str(error) and answers(root) in (3, 4):
            return "refused"
        raise
    return "published" if answers(root) == 4 else "lost"


def test_a_failure_at_any_step_leaves_a_generation_that_answers(tmp_path: Path) -> None:
    steps = count_steps(tmp_path)
    assert steps > 15
    outcomes: list[str] = []
    for at in range(1, steps + 1):
        root = tmp_path / f"failing-{at}"
        publish(root, 1, 2, 3)
        outcomes.append(outcome(root, at))
        publish(root, 5)
        assert answers(root) == 5
        assert Generations(root).current().damage is None
        assert len(folders(root)) == 3, folders(root)
    assert outcomes.count("refused") > 10
    assert set(outcomes) == {"refused", "published"}
    assert outcomes[-1] == "published"  # what is old could not be removed, which harms nobody


def test_a_writer_killed_at_any_step_leaves_a_generation_that_answers(tmp_path: Path) -> None:
    for at in range(1, count_steps(tmp_path) + 1):
        root = tmp_path / f"killed-{at}"
        publish(root, 1, 2, 3)
        command = [sys.executable, "-m", "tests.failing_files", str(root), str(at)]
        died = subprocess.run(command, cwd=REPOSITORY, check=False, timeout=60)  # noqa: S603  # our own command
        assert died.returncode == 9
        assert answers(root) in (3, 4)
        assert Generations(root).current().damage is None
        publish(root, 5)
        assert answers(root) == 5
        assert len(folders(root)) == 3


def test_every_step_is_safe_on_disk_before_the_next_needs_it(root: Path) -> None:
    publish(root, 1, 2)
    files = Step(0, fail)
    publish(root, 3, files=files)
    assert [step for step in files.steps if "rest" not in step[0]] == [
        ("make", "gen-000003.tmp"),
        ("sync", "graph.npy"),
        ("sync", "index.bin"),
        ("write", MANIFEST),
        ("sync", MANIFEST),
        ("sync", "gen-000003.tmp"),
        ("move", "gen-000003"),
        ("sync", root.name),
        ("write", CURRENT + ".tmp"),
        ("sync", CURRENT + ".tmp"),
        ("move", CURRENT),
        ("sync", root.name),
        ("move", "gen-000001.tmp"),
        ("remove", "gen-000001.tmp"),
    ]


def test_what_the_disk_does_not_give_back_is_not_published(root: Path) -> None:
    publish(root, 1)

    class Forgetful(Step):
        def sync(self, path: Path) -> None:
            super().sync(path)
            if path.name == "gen-000002.tmp":
                (path / "index.bin").write_bytes(b"\0" * len(content(2, "index.bin")))

    with pytest.raises(GenerationError, match=r"does not give back.*index\.bin is damaged.*check the disk"):
        publish(root, 2, files=Forgetful(0, fail))
    assert folders(root) == [CURRENT, "gen-000001"]
    assert answers(root) == 1


@pytest.mark.parametrize("limit", [1000, 300])
def test_a_full_disk_is_a_sentence_and_loses_nothing(root: Path, limit: int) -> None:
    resource = pytest.importorskip("resource", reason="this system limits no file sizes")
    publish(root, 1)

    def fill(draft: Draft) -> Mapping[str, JSON]:
        (draft.path / "index.bin").write_bytes(b"x" * 200)  # at 300 the manifest alone is too large
        (draft.path / "graph.npy").write_bytes(b"x" * (1100 if limit == 1000 else 10))
        return {"note": "y" * 300}

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(GenerationError, match="File too large; what was published before still answers"):
            Generations(root).publish(fill, now=NOW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert folders(root) == [CURRENT, "gen-000001"]
    assert answers(root) == 1


def test_a_reader_that_two_publications_overtake_looks_again(root: Path) -> None:
    publish(root, 1)
    overtaken: list[int] = []

    def vanish(generation: Generation) -> None:
        if not overtaken:
            overtaken.append(generation.number)
            publish(root, 2, 3)
            raise GenerationError("gone while it was read")

    current = Generations(root).current(check=vanish)
    assert (current.number, current.damage, overtaken) == (3, None, [1])


def test_a_root_that_is_no_folder(root: Path) -> None:
    root.write_text("a file")
    with pytest.raises(GenerationError, match=r"cannot read derived files .*Not a directory"):
        Generations(root).current()
    with pytest.raises(GenerationError, match="Not a directory"):
        publish(root, 1)


def test_readers_beside_a_busy_writer_see_complete_generations_only(root: Path) -> None:
    publish(root, 1)
    done = threading.Event()
    seen: list[int] = []
    wrong: list[str] = []

    def read() -> None:
        while not done.is_set():
            try:
                generation = Generations(root).current()
            except GenerationError as error:
                wrong.append(str(error))
            else:
                seen.append(generation.number)
                if generation.damage:
                    wrong.append(generation.damage)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    publish(root, *range(2, 30))
    done.set()
    for reader in readers:
        reader.join()
    assert not wrong
    assert len(set(seen)) > 3

"""What storing a paper decides."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from indexer.papers import Author, Paper, Version
from indexer.store.changes import merge, record_hash
from tests.builders import NOW, a_paper, an_id

texts = st.sampled_from(["", "alpha", "beta"])
optional = st.sampled_from([None, "one", "two"])
records = st.builds(
    Paper,
    id=st.just(an_id(1)),
    title=texts,
    abstract=texts,
    authors=st.lists(st.builds(Author, texts, texts), max_size=2).map(tuple),
    categories=st.lists(texts, max_size=2).map(tuple),
    license=optional,
    versions=st.sets(st.integers(1, 4), max_size=3).map(lambda found: tuple(map(Version, sorted(found)))),
    comments=optional,
    doi=optional,
    withdrawn=st.booleans(),
)


class TestMerging:
    @given(known=records, came=records)
    def test_the_same_record_again_changes_nothing(self, known: Paper, came: Paper) -> None:
        once = merge(known, came)
        assert merge(once, came) == once
        assert merge(once, once) == once

    @given(known=records, came=records)
    def test_nothing_known_is_lost(self, known: Paper, came: Paper) -> None:
        merged = merge(known, came)
        for field in ("title", "abstract", "authors", "categories", "license", "comments", "doi"):
            assert bool(getattr(merged, field)) == bool(getattr(known, field) or getattr(came, field))
        assert {v.number for v in merged.versions} == {v.number for v in (*known.versions, *came.versions)}

    @given(one=records, other=records)
    def test_hashes_tell_records_apart(self, one: Paper, other: Paper) -> None:
        assert (record_hash(one) == record_hash(other)) == (one == other)

    def test_a_known_time_of_a_version_stays(self) -> None:
        known = a_paper(1, versions=(Version(1, NOW),))
        assert merge(known, replace(known, versions=(Version(1), Version(2)))).versions == (
            Version(1, NOW),
            Version(2),
        )

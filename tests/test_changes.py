"""What storing a paper decides."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from indexer.papers import Author, Completeness, Paper, Version
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
    versions=st.dictionaries(
        st.integers(1, 4), st.tuples(st.sampled_from([None, NOW]), optional, st.booleans()), max_size=3
    ).map(lambda found: tuple(Version(number, *found[number]) for number in sorted(found))),
    comments=optional,
    doi=optional,
    withdrawn=st.booleans(),
)


# What the first schema's code gave for `a_paper(1)`: libraries made with it are still known by it.
FIRST_HASH = "0b2c0c8994e615ed75ff4d14dfb72be8"


def test_the_hash_of_a_record_without_licences_of_versions_stays() -> None:
    assert record_hash(a_paper(1)).hex() == FIRST_HASH
    for version in (Version(1, NOW, "one"), Version(1, NOW, withdrawn=True), Version(1, NOW)):
        assert record_hash(a_paper(1, versions=(version,))).hex() != FIRST_HASH


class TestMerging:
    @given(known=records, came=records)
    def test_the_same_record_again_changes_nothing(self, known: Paper, came: Paper) -> None:
        once = merge(known, came)
        assert merge(once, came) == once
        assert merge(once, once) == once
        hinted = merge(known, came, Completeness.HINT)
        assert merge(hinted, came, Completeness.HINT) == hinted

    @given(known=records, came=records)
    def test_nothing_known_is_lost(self, known: Paper, came: Paper) -> None:
        merged = merge(known, came)
        for field in ("title", "abstract", "authors", "categories", "license", "comments", "doi"):
            assert bool(getattr(merged, field)) == bool(getattr(known, field) or getattr(came, field))
        both = (*known.versions, *came.versions)
        for number in {version.number for version in both}:
            (kept,) = (version for version in merged.versions if version.number == number)
            told = [version for version in both if version.number == number]
            assert kept.withdrawn == any(version.withdrawn for version in told)
            assert kept.license in {version.license for version in told if version.license} or (
                kept.license is None and not any(version.license for version in told)
            )
        assert len(merged.versions) == len({version.number for version in both})

    @given(known=records, came=records)
    def test_a_hint_overwrites_no_record_of_its_version(self, known: Paper, came: Paper) -> None:
        merged = merge(known, came, Completeness.HINT)
        if (came.latest_version or 0) > (known.latest_version or 0):
            assert merged == merge(known, came)
        else:
            for field in ("title", "abstract", "authors", "categories", "license", "comments", "doi"):
                assert getattr(merged, field) == (getattr(known, field) or getattr(came, field))

    @given(known=records, came=records)
    def test_a_whole_record_that_is_the_latest_says_alone_what_may_be_empty(
        self, known: Paper, came: Paper
    ) -> None:
        merged = merge(known, came, Completeness.WHOLE)
        outdated = 0 < (came.latest_version or 0) < (known.latest_version or 0)
        for field in ("license", "comments", "doi"):
            expected = getattr(known, field) or getattr(came, field) if outdated else getattr(came, field)
            assert (getattr(merged, field) or None) == (expected or None)
        for field in ("title", "abstract", "authors", "categories"):
            assert bool(getattr(merged, field)) == bool(getattr(known, field) or getattr(came, field))

    @given(one=records, other=records)
    def test_hashes_tell_records_apart(self, one: Paper, other: Paper) -> None:
        assert (record_hash(one) == record_hash(other)) == (one == other)

    def test_a_known_time_of_a_version_stays(self) -> None:
        known = a_paper(1, versions=(Version(1, NOW),))
        assert merge(known, replace(known, versions=(Version(1), Version(2)))).versions == (
            Version(1, NOW),
            Version(2),
        )

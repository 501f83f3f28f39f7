"""The measurement of speed: small numbers, to see that it measures what it says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from indexer.errors import ModelError, ServingError, StoreError
from indexer.library import open_store
from indexer.progress import silent
from service.evaluation import speed
from service.evaluation.speed import measure_speed
from tests.conftest import Demo
from tests.libraries import build, settings_in, three_topics


def test_rates_and_times_are_measured(demo: Demo) -> None:
    steps: list[str] = []
    measured = measure_speed(
        demo.settings, lambda step, *_: steps.append(step), texts=8, requests=5, warm_up=2
    )
    assert (measured.texts, measured.requests) == (8, 5)
    assert 0.1 < measured.texts_per_second < 10_000
    assert 0.1 < measured.baseline_texts_per_second < 10_000
    assert 0.2 < measured.first_answer_seconds < 10
    assert 0.1 < measured.median_milliseconds <= measured.p95_milliseconds < 5_000
    assert steps == ["encode"] * 4 + ["request"] * 5


def test_where_there_is_nothing_to_measure_it_says_so(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with pytest.raises(StoreError, match="no library at"):
        measure_speed(settings, silent)
    open_store(settings).close()
    build(settings, [])
    with pytest.raises(StoreError, match="this library holds no papers to measure with"):
        measure_speed(settings, silent)


def test_another_model_is_refused(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    build(settings, three_topics(2))
    with pytest.raises(ModelError, match="this library was made with toy"):
        measure_speed(settings, silent)


def test_a_server_that_does_not_start_is_an_error(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "_encoding", lambda *_: (1.0, 1.0))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ServingError, match="the server did not start: it said nothing"):
        measure_speed(demo.settings, silent, texts=1, requests=1)

"""Faults of the education app that were found in a browser, each with what is to be seen instead."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from education_samples import prepare
from prepared import prepared
from test_app_education import fine, page

from core.record import PREDICTION
from domains.education import starter
from domains.education.course_folder import CourseFolder


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CourseFolder]:
    with prepared(prepare, tmp_path_factory):
        found = starter.ready()
        assert found is not None
        yield found


# --- at risk


def test_a_longer_list_and_a_decision_ask_again_of_nobody(folder: CourseFolder) -> None:
    def asked() -> list[str]:
        return [e.case["case_id"] for e in folder.queue().record.rows(PREDICTION) if "case_id" in e.case]

    at = page("risk", capacity=3)
    first = asked()
    at.slider(key="capacity").set_value(4).run()
    assert len(fine(at).dataframe[0].value) == 4
    assert asked()[:3] == first
    assert len(asked()) == len({*asked()}) == 4
    fine(next(b for b in at.button if b.key and b.key.startswith("call")).click().run())
    at.slider(key="capacity").set_value(2).run()
    assert len(fine(at).dataframe[0].value) == 2
    assert len(asked()) == 4


# --- lecture


def test_the_timeline_jumps_to_the_same_slide_again(monkeypatch: pytest.MonkeyPatch) -> None:
    import streamlit as st

    drawn: list[str] = []
    chosen: dict[str, float] = {}  # by chart, as a browser keeps it

    def plotly_chart(*_: Any, key: str, **__: Any) -> Any:
        drawn.append(key)
        points = [{"customdata": [chosen[key]]}] if key in chosen else []
        return SimpleNamespace(selection=SimpleNamespace(points=points))

    monkeypatch.setattr(st, "plotly_chart", plotly_chart)
    at = page("lecture")
    for _ in range(2):
        chosen[drawn[-1]] = 35.0
        assert fine(at.run()).session_state["place"].second == 35.0
        at.button(key="slide_0_lecture-3").click().run()
        assert fine(at).session_state["place"].second == 0.0

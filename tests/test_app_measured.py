"""The Model page's groups, robustness and decisions, on the medical app's small sample model."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from medical_samples import prepare
from prepared import prepared
from streamlit.testing.v1 import AppTest

from apps import ui
from apps.ui.measured import _curves
from core.evaluation.subgroups import LEAST
from core.learning_curve import Point
from domains.medical import starter


@pytest.fixture(scope="module", autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with prepared(prepare, tmp_path_factory) as found:
        yield found


@pytest.fixture(scope="module")
def at() -> AppTest:
    """The page on all rows of the sample table."""
    page = AppTest.from_string(
        "from apps.medical import page_model, pages\nwith pages.boundary():\n    page_model.show()", default_timeout=300
    ).run()
    page.selectbox(key="measure_split").set_value("all").run()
    assert not page.exception
    return page


def test_the_page_has_a_tab_for_each(at: AppTest) -> None:
    assert [t.label for t in at.tabs] == [
        "Confusion and calibration", "Groups", "Robustness", "Decisions", "Model card", "Versions and data",
    ]  # fmt: skip


def test_groups_of_the_usual_columns_are_shown_and_small_ones_named(at: AppTest) -> None:
    assert at.text_input(key="by").value == "sex,age"
    shown = next(d.value for d in at.tabs[1].dataframe)
    assert shown[shown["column"] == "sex"]["cases"].tolist() == [15, 15]
    assert f"too few (under {LEAST})" in shown["note"].tolist()


def test_a_wrong_column_is_refused_in_words(at: AppTest) -> None:
    at.text_input(key="by").set_value("sexx").run()
    assert any("unknown column to look at cases by" in ui.escape(e.value) or "sexx" in e.value for e in at.error)
    at.text_input(key="by").set_value("sex,age").run()


def test_decisions_name_what_is_acted_on(at: AppTest) -> None:
    assert at.selectbox(key="decide").options == ["consolidation", "effusion", "normal"]
    assert any("Net benefit" in c.value for c in at.tabs[3].caption)


def test_robustness_is_measured_on_request_and_kept_beside_the_model(at: AppTest) -> None:
    assert any("Not measured yet" in c.value for c in at.tabs[2].caption)
    at.selectbox(key="measure_split").set_value("test").run()
    at.button(key="stress").click().run()
    assert not at.exception
    folder = starter.ensure().parent / "stress"
    found = json.loads((folder / "stress.json").read_text())
    assert found["cases"] == 7
    assert {c["damage"] for c in found["curves"]} >= {"rings", "streaks", "typing errors", "wrong numbers"}
    assert (folder / "stress.csv").read_text().startswith("modality,damage,")
    assert "CT: rings" in at.selectbox(key="damage").options
    areas = at.tabs[2].dataframe[0].value
    assert len(areas) == len(at.selectbox(key="damage").options)
    one = [c for c in found["curves"] if c["damage"] == "rings"]

    class Names:
        """A studio's names alone."""

        name = staticmethod(str)

    drawn = _curves(Names(), one, "f1")  # type: ignore[arg-type]
    assert [len(line.y) for line in drawn.data] == [5] * len(one)


def test_the_learning_curve_has_a_line_for_each_model_over_doubling_rows() -> None:
    points = [Point(m, n, v, (v - 0.1, v + 0.1)) for m, v in (("fused", 0.8), ("CT alone", 0.6)) for n in (10, 20, 40)]
    lines = {m: [(p.rows, p.value, *p.interval) for p in points if p.model == m] for m in ("fused", "CT alone")}
    figure = ui.growing(lines, "f1")
    assert [(line.name, list(line.x)) for line in figure.data] == [("fused", [10, 20, 40]), ("CT alone", [10, 20, 40])]
    assert figure.layout.xaxis.type == "log"
    assert list(figure.layout.xaxis.ticktext) == ["10", "20", "40"]

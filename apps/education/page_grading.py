"""Grading: answers that wait for a teacher, what speaks for each proposed mark, and the teacher's decision."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from apps import ui
from apps.education import session, studios
from apps.education.pages import PAGES
from apps.ui import parts, why
from apps.ui.record import who
from core.answer import headline, how_sure
from core.numbers import counted
from core.record_asked import keep_asked
from domains.education import course_marks
from domains.education.assignments_history import HISTORY
from domains.education.course_folder import CourseFolder
from domains.education.grading import CASE, Graded, Grader
from domains.education.join_tables import SHARES
from domains.education.review_queue import ReviewQueue, Waiting


def show() -> None:
    """The page."""
    if session.start("Grading") is None:
        return
    folder = session.opened()
    assert folder is not None
    studios.of_course(folder)
    grader = studios.GRADING.model()
    if grader is None:
        st.info("No grading model is trained yet.", icon=":material/model_training:")
        st.page_link(PAGES.page("train"), label="Train one")
        return
    found, queue = course_marks.proposals(folder), folder.queue()
    waiting, decided = course_marks.waiting(folder), queue.decisions()
    if not folder.synthetic and studios.from_sample(studios.GRADING):
        st.warning(
            "This model learned from the generated sample course: its marks say nothing about your questions. Train "
            "one on answers that have a mark (Train again), or open another on the page Model.",
            icon=":material/science:",
        )
    unmarked = course_marks.without_mark(folder)
    new = unmarked["answer_id"][queue.marks(unmarked).isna()]
    seen = {*(w.answer_id for w in waiting), *(() if found is None else found["answer_id"])}
    _counts(folder, grader, found, waiting, decided, len(new))
    look, done, again = st.tabs(["Waiting for you", "Proposed and decided", "Train again"])
    with look, PAGES.boundary():
        _queue(grader, queue, waiting, int((~new.isin(seen)).sum()))
    with done, PAGES.boundary():
        _decided(folder, found, queue)
    with again, PAGES.boundary():
        _train(folder, grader, len(decided))


def _counts(
    folder: CourseFolder,
    grader: Grader,
    found: pd.DataFrame | None,
    waiting: list[Waiting],
    decided: dict[str, Any],
    new: int,
) -> None:
    cells = st.columns([1, 1, 1, 1, 1.6], vertical_alignment="center")
    wait = {w.answer_id for w in waiting}  # also what an earlier model was unsure of
    sure = 0 if found is None else int(((found["queue"] == "") & ~found["answer_id"].isin(wait)).sum())
    counts = {
        "Answers without a mark": new,
        "Model is sure": sure,
        "Wait for you": len(waiting),
        "Decided": len(decided),
    }
    for cell, (name, value) in zip(cells, counts.items()):
        cell.metric(name, value)
    label = "Grade the answers without a mark" if found is None else "Grade them again with the open model"
    if cells[-1].button(label, disabled=not new, key="propose", icon=":material/grading:", width="stretch"):
        with ui.Steps("Grading") as steps:
            course_marks.propose(folder, grader, steps, who())
        st.rerun()
    if not new:
        st.caption("Answers with a blank column grade are graded here; import them on the page Import.")


def _queue(grader: Grader, queue: ReviewQueue, waiting: list[Waiting], ungraded: int) -> None:
    if not waiting and ungraded:
        st.info(
            f"{counted(ungraded, 'answer')} not graded yet: use the button above. What the model is unsure of will "
            "wait here.",
            icon=":material/grading:",
        )
        return
    if not waiting:
        st.success("No answer waits for you.", icon=":material/check_circle:")
        return
    listed, case = st.columns([1, 1.75], gap="large")
    with listed:
        rows = [_listed(w) for w in waiting]
        picked: Any = st.dataframe(
            rows, hide_index=True, height=430, on_select="rerun", selection_mode="single-row-required", key="waiting",
            column_config={"sure": st.column_config.NumberColumn(format="percent")}, alt="Answers that wait",
            selection_default={"selection": {"rows": [0]}},
        )  # fmt: skip
        chosen = picked.selection.rows or [0]
    with case:
        _case(grader, queue, waiting[min(chosen[0], len(waiting) - 1)])


def _listed(wait: Waiting) -> dict[str, Any]:
    sure = None if wait.probability is None else round(wait.probability, 2)
    learner = session.who(str(wait.case.get("student_id", "")))
    return {
        "question": wait.case.get("question_id", ""),
        "proposed": str(wait.proposed),
        "sure": sure,
        "learner": learner,
    }


def _case(grader: Grader, queue: ReviewQueue, wait: Waiting) -> None:
    """One answer: what was asked, what was written, the proposal and its reasons, the teacher's mark."""
    graded = _graded(grader, queue, wait)
    st.markdown(f"**{ui.escape(str(wait.case.get('question', '')))}**")
    if reference := wait.case.get("reference"):
        st.markdown(f":gray[Reference: {ui.escape(str(reference))}]")
    with st.container(border=True):
        st.markdown(parts.highlighted(str(wait.case["answer"]), graded.driven.parts if graded.driven else ()))
    if graded.driven is not None:
        st.caption(f"Green words speak for the proposed mark, red ones against it. {parts.method(graded.driven)}")
    _decide(queue, wait, graded)
    bars, near = st.columns([1, 1.35], gap="medium")
    with bars:
        ui.chart(
            ui.bars(graded.prediction.probabilities, marked=graded.possible), "Probability of each grade", "grades"
        )
        why.shares(graded.prediction, studios.name)
    with near:
        st.markdown("Nearest answers that have a mark")
        for n in graded.nearest:
            st.markdown(f":gray-badge[{n.grade}] {ui.escape(n.answer)} :gray[({n.likeness:.2f})]")
        if not graded.nearest:
            st.caption("This model keeps no graded answers.")


def _graded(grader: Grader, queue: ReviewQueue, wait: Waiting) -> Graded:
    """The open model's mark with its reasons; asked, and kept in the record, once.

    Answers of two courses may have the same id.
    """
    kept: dict[tuple[Any, ...], Graded] = st.session_state.setdefault("graded", {})
    case = wait.case
    key = wait.answer_id, str(case["answer"]), case.get("question"), case.get("reference")
    if key not in kept:
        earlier = {c: case.get(c, "") for c in (*HISTORY, "attempt")}
        given = {"answer": key[1], "question": key[2], "reference": key[3], "learner": earlier}
        kept[key] = grader.grade(answer=key[1], question=key[2], reference=key[3], learner=earlier)
        asked = {CASE: wait.answer_id}, grader.row(given), kept[key].prediction
        keep_asked(queue.record, grader.bundle, [asked], who())
    return kept[key]


def _decide(queue: ReviewQueue, wait: Waiting, graded: Graded) -> None:
    reason = ui.escape(graded.queue or wait.reason)
    st.markdown(f"Proposed: **{ui.escape(headline(graded.prediction))}**  :orange[:material/person_alert: {reason}]")
    if sure := how_sure(graded.prediction):
        st.caption(ui.escape(sure))
    why.disagreement(graded.prediction, studios.name)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        grade = st.segmented_control(
            "Your mark", list(SHARES), default=str(wait.proposed) if str(wait.proposed) in SHARES else None,
            key=session.key("mark", wait.answer_id),
        )  # fmt: skip
        if st.button("Store mark", type="primary", key="store", disabled=grade is None) and grade is not None:
            queue.decide(wait.answer_id, grade, by=who())
            st.toast(f"Stored: {grade}. It counts as the mark, and at the next training.", icon=":material/check:")
            st.rerun()


def _decided(folder: CourseFolder, found: pd.DataFrame | None, queue: ReviewQueue) -> None:
    decided = queue.decisions()
    rows = [
        {name: e.case.get(name, "") for name in ("answer_id", "student_id", "question_id", "answer")}
        | {"proposed": e.answer["grade"], "decided": e.decision[queue.target], "time": e.time}
        for e in queue.record.rows("grade")
    ]
    st.markdown(f"**Decided by a teacher** · {counted(len(decided), 'answer')}, every decision with its time")
    st.dataframe(_shown(rows), hide_index=True, height=160, alt="Decisions", placeholder="–")
    session.export("Decisions as CSV", rows, "decisions", "export_decisions")
    sure = [] if found is None else _sure(folder, found, {*decided, *(w.answer_id for w in queue.waiting())})
    st.markdown(f"**Proposed, the model is sure** · {counted(len(sure), 'answer')}; look at some before use")
    st.dataframe(_shown(sure), hide_index=True, height=160, alt="Proposals")
    session.export("Proposals as CSV", sure, "proposals", "export_proposals")


def _sure(folder: CourseFolder, found: pd.DataFrame, other: set[str]) -> list[dict[str, Any]]:
    """What the model is sure of and no teacher looks at otherwise: who answered what to which question."""
    sure = found[(found["queue"] == "") & ~found["answer_id"].isin(other)].drop(columns="queue")
    answers = folder.table("answers")
    if answers is None:
        return []
    told = answers[[c for c in ("answer_id", "student_id", "question_id", "question", "answer") if c in answers]]
    rows = told.merge(sure, on="answer_id").to_dict("records")
    return [{str(k): v for k, v in row.items()} for row in rows]


def _shown(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with their learners as this session may show them."""
    return [{k: session.who(v) if k == "student_id" else v for k, v in r.items()} for r in session.shown(rows)]


def _train(folder: CourseFolder, grader: Grader, decided: int) -> None:
    marks = course_marks.training_table(folder)
    st.markdown(
        f"A new model learns from all marks of this course ({len(marks)}), **{counted(decided, 'decision')}** "
        "of yours among them. The open model stays as it is; compare both on the page Model."
    )
    out = studios.own_folder(studios.GRADING, folder, marks.to_csv())
    ready = (out / "bundle" / "bundle.json").is_file()
    new = len(marks) > 0 and not ready and (decided > 0 or not folder.synthetic)
    if st.button("Train again", type="primary", key="train_again", disabled=not new):
        with ui.Steps("Training") as steps:
            course_marks.train_again(folder, grader, out, steps)
        studios.GRADING.use_model(out / "bundle")
        st.rerun()
    if ready:
        st.success(f"{out.name} is trained; choose it on the page Model.", icon=":material/check_circle:")

"""The class: what to teach again, with the second where it was taught, and who has mastered what."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import streamlit as st

from apps import ui
from apps.education import charts, session
from apps.education.pages import PAGES
from domains.education import course_mastery
from domains.education.advice import SMALLEST_GROUP, Advice, clock
from domains.education.course import MASTERY, Course

_FIRST = 5  # lines of advice shown at once


def show() -> None:
    """The page."""
    course = session.start("Class")
    if course is None:
        return
    advice, heat = st.columns([1.12, 1], gap="large")
    with advice, PAGES.boundary():
        _advice(course)
    with heat, PAGES.boundary():
        _heat(course)


def _advice(course: Course) -> None:
    lines = course.advise()
    st.subheader("Teach this again", anchor=False)
    if not lines:
        st.caption(f"No place was watched again or answered wrong by enough learners (at least {SMALLEST_GROUP}).")
        if not course.learners:
            session.records_of_nobody("answers and logs")
        return
    for number, line in enumerate(lines[:_FIRST], 1):
        _line(course, number, line)
    if len(lines) > _FIRST:
        with st.expander(f"{len(lines) - _FIRST} more"):
            for number, line in enumerate(lines[_FIRST:], _FIRST + 1):
                _line(course, number, line)
    rows = [{k: v for k, v in asdict(line).items() if k not in ("rows", "watchers")} for line in lines]
    session.export("Advice as CSV", session.from_one(rows), "advice", "export_advice")


def _line(course: Course, number: int, line: Advice) -> None:
    """One place: what it is, what speaks for it, a jump, and the rows behind it."""
    with st.container(border=True):
        words, jump, why = st.columns([3.6, 1.05, 1], vertical_alignment="center")
        what = line.concept or line.title
        thin = "  :orange-badge[thin evidence]" if line.thin else ""
        doubt = "  :orange-badge[place uncertain]" if line.weak_link else ""
        words.markdown(f"**{number} · {ui.escape(what[:1].upper() + what[1:])}**{thin}{doubt}  \n{_told(line)}")
        with jump:
            session.jump_button(clock(line.start), line.lecture, line.start, f"advice_{number}", width="stretch")
        with why, st.popover("Why", width="stretch"):
            _evidence(course, line)


def _told(line: Advice) -> str:
    said = []
    if line.again is not None:
        said.append(f"re-watched by **{line.again:.0%}** of {line.viewers}")
    if line.wrong is not None:
        said.append(f"{line.question} wrong for **{line.wrong:.0%}** of {line.answered}")
    slide = f"slide {line.slide + 1}" if line.slide is not None else "moving picture"
    place = f"{line.lecture}, {slide} {line.title!r}, {clock(line.start)}–{clock(line.end)}"
    return f"{', '.join(said)}  \n:gray[{ui.escape(place)}]"


def _evidence(course: Course, line: Advice) -> None:
    """The rows that a line rests on."""
    found = course.evidence(line)
    st.markdown(ui.escape(line.text()))
    for name, frame in found.items():
        if frame.empty:
            continue
        st.caption(f"{len(frame)} {'first answers' if name == 'answers' else 'stretches played'}")
        columns = [c for c in ("answer_id", "student_id", "grade", "answer", "start_s", "end_s") if c in frame]
        if session.hidden():
            columns = [c for c in columns if c != "answer_id"]
        shown = frame[columns].assign(student_id=[session.who(s) for s in frame["student_id"]])
        st.dataframe(shown, hide_index=True, height=180, alt=f"Rows behind the advice: {name}")


def _heat(course: Course) -> None:
    st.subheader("Who has mastered what", anchor=False)
    mastery = course.mastery
    if mastery.empty:
        session.records_of_nobody("graded answers")
        return
    if mastery["student_id"].nunique() < SMALLEST_GROUP:
        st.caption(f"Fewer than {SMALLEST_GROUP} learners: not shown as a class; see the page Learner.")
        return
    names = {s: session.who(s) for s in mastery["student_id"].unique()}
    figure = charts.heat(mastery, course.concepts, names)
    enough = mastery.groupby("concept").filter(lambda own: len(own) >= SMALLEST_GROUP)
    means = enough.groupby("concept")["probability"].mean().sort_values()
    told = ", ".join(f"{c} {v:.0%}" for c, v in means.items())
    chosen: Any = st.plotly_chart(
        figure,
        key=f"heat_{session.group()}_{session.hidden()}",
        config={"displayModeBar": False},
        alt=f"Mean mastery: {told}",
    )
    del chosen
    st.caption(
        f"Colour: probability of mastery ({session.BASIS[course.basis]}); beside each concept the mean of the class, "
        f"few: of fewer than {SMALLEST_GROUP} learners. "
        "Blank: no answer yet. Hover for the learner and the number of answers."
    )
    _trace(course)
    rows = mastery[["student_id", "concept", "probability", "evidence", "thin"]].to_dict("records")
    with st.container(horizontal=True):
        session.export("Mastery as CSV", rows, "mastery", "export_mastery")
        st.page_link(PAGES.page("learner"), label="One learner", icon=":material/person:")


def _trace(course: Course) -> None:
    """Mastery of a course of one's own is a share of the points until it is traced, and what a trace knew after it."""
    folder = session.opened()
    if folder is None or folder.synthetic or course.graded.empty:
        return
    words = (
        "Trace it anew, with what was decided since"
        if course.basis == MASTERY
        else "Trace it from the sequence of answers"
    )
    if st.button(words, key="trace", icon=":material/timeline:"):
        with ui.Steps("Tracing mastery") as steps:
            course_mastery.trace(folder, steps)
        st.rerun()

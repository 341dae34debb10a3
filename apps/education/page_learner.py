"""One learner: weak points with their evidence, what to watch again and try, and the answers they rest on."""

from __future__ import annotations

from dataclasses import asdict

import streamlit as st

from apps import ui
from apps.education import charts, session
from apps.education.pages import PAGES
from core.errors import ConfigError
from core.numbers import counted
from domains.education.advice import SMALLEST_GROUP, Recommendation, clock, where
from domains.education.course import Course
from domains.education.engagement import watch_time
from domains.education.join_recommend import WEAK


def show() -> None:
    """The page."""
    course = session.start("Learner")
    if course is None:
        return
    if not course.learners:
        session.records_of_nobody("answers and logs")
        return
    student = _pick(course)
    weak, advice = st.columns([1, 1.2], gap="large")
    with weak, PAGES.boundary():
        _mastery(course, student)
        _watched(course, student)
    with advice, PAGES.boundary():
        _recommended(course, student)
    with PAGES.boundary():
        _answers(course, student)


def _pick(course: Course) -> str:
    """The learners, the weakest first."""
    mean = course.mastery.groupby("student_id")["probability"].mean().sort_values()
    order = [*mean.index, *(s for s in course.learners if s not in mean.index)]
    kept = st.session_state.get("learner")
    left, right = st.columns([1, 1.2], vertical_alignment="center")
    chosen = left.selectbox(
        "Learner, the weakest first", order, order.index(kept) if kept in order else 0, format_func=session.who,
        key=f"pick_learner_{session.group()}_{session.hidden()}",
    )  # fmt: skip
    st.session_state["learner"] = chosen
    if chosen in mean.index:
        of_class = f"; of the class {mean.mean():.0%}" if len(mean) >= SMALLEST_GROUP else ""
        right.caption(f"Mean mastery {mean[chosen]:.0%}{of_class}. Basis: {session.BASIS[course.basis]}.")
    if chosen is None:
        raise ConfigError("no learner is chosen; pick one from the list")
    return str(chosen)


def _mastery(course: Course, student: str) -> None:
    st.subheader("Mastery by concept", anchor=False)
    rows = course.mastery[course.mastery["student_id"] == student]
    if rows.empty:
        st.caption("No graded answer yet.")
        return
    told = ", ".join(f"{c} {p:.0%}" for c, p in zip(rows["concept"], rows["probability"]))
    ui.chart(charts.mastery_bars(rows, WEAK), f"Mastery: {told}", "mastery")
    st.caption(f"Red: below {WEAK:.0%}. Pale: thin evidence, too few answers or answers that disagree.")


def _watched(course: Course, student: str) -> None:
    own = course.stretches[course.stretches["student_id"] == student]
    if not len(course.stretches):
        return
    seen = watch_time(own).set_index("lecture")
    told = []
    for lecture in course.lectures:
        if lecture.name in seen.index:
            row = seen.loc[lecture.name]
            told.append(
                f"{lecture.name} {min(row['seen_s'] / lecture.duration, 1):.0%} (again {clock(row['again_s'])})"
            )
        else:
            told.append(f"{lecture.name} not watched")
    st.markdown(f"**Watched:** {ui.escape('; '.join(told))}")


def _recommended(course: Course, student: str) -> None:
    st.subheader("Watch again, then try", anchor=False)
    lines = course.recommend(student)
    if not lines:
        st.success("No weak point in the answers so far.", icon=":material/check_circle:")
        return
    for number, line in enumerate(lines):
        _line(number, line)
    rows = [{k: v for k, v in asdict(line).items() if k != "rows"} for line in lines]
    session.export("Recommendations as CSV", session.from_one(rows), "recommendations", "export_recommendations")


def _line(number: int, line: Recommendation) -> None:
    with st.container(border=True):
        words, jump = st.columns([3.4, 1], vertical_alignment="center")
        thin = "  :orange-badge[thin evidence]" if line.thin else ""
        doubt = "  :orange-badge[place uncertain]" if line.weak_link else ""
        slide = f"slide {line.slide + 1} {line.title!r}" if line.slide is not None else line.title
        place = where(line.lecture, line.start, line.end, line.slide, line.title)
        told, _, watched = line.reason.removesuffix("; thin evidence").partition(f"; taught at {place}")
        words.markdown(
            f"**{ui.escape(line.concept[:1].upper() + line.concept[1:])}**{thin}{doubt}  \n"
            f"{ui.escape(told.removesuffix(f' on {line.concept!r}') + watched)}  \n"
            f":gray[{ui.escape(f'{line.lecture}, {slide}, {clock(line.start)}–{clock(line.end)}')}]"
        )
        if line.exercise:
            words.markdown(f":material/edit_note: **{ui.escape(line.exercise)}** {ui.escape(line.exercise_text)}")
        with jump:
            session.jump_button(clock(line.start), line.lecture, line.start, f"recommend_{number}", width="stretch")


def _answers(course: Course, student: str) -> None:
    own = course.graded[course.graded["student_id"] == student]
    if own.empty:
        return
    with st.expander(f"Behind it: {counted(len(own), 'graded answer')}"):
        columns = [c for c in ("question_id", "concept", "attempt", "time", "grade", "answer") if c in own]
        st.dataframe(own[columns], hide_index=True, alt="Graded answers of the learner")
        session.export("Answers as CSV", own[columns].to_dict("records"), "answers", "export_answers")

"""A lecture: the player, what is taught when and watched again where, and search that jumps to the second."""

from __future__ import annotations

import html
import math
from typing import Any

import streamlit as st

from apps import ui
from apps.education import charts, session
from apps.education.pages import PAGES
from domains.education.advice import clock
from domains.education.course import Course
from domains.education.lecture import Lecture
from domains.education.playing import playable


def show() -> None:
    """The page."""
    course = session.start("Lecture", names=False)
    if course is None:
        return
    left, right = st.columns([1.3, 1], gap="medium")
    with left:
        lecture = _pick(course)
        with PAGES.boundary():
            _player(lecture)
        _timeline(course, lecture)
    with right, PAGES.boundary():
        _find(course, lecture)


def _pick(course: Course) -> Lecture:
    names = [item.name for item in course.lectures]
    titles = {
        item.name: f"{item.name}: {item.segments[0].title}" if item.segments else item.name for item in course.lectures
    }
    at = session.place()
    chosen = st.selectbox(
        "Lecture", names, names.index(at.lecture) if at.lecture in names else 0, format_func=titles.__getitem__,
        key=f"pick_lecture_{at.lecture}_{at.jump}", label_visibility="collapsed",
    )  # fmt: skip
    if chosen != at.lecture:
        session.jump(chosen, 0.0)
        st.rerun()
    return course.lectures[names.index(chosen)]


def _player(lecture: Lecture) -> None:
    at = session.place()
    if not lecture.video.is_file():
        st.warning(f"{lecture.video.name} has moved: index the lecture again.", icon=":material/videocam_off:")
        return
    with st.spinner("Making the video ready for the browser; once for each lecture", show_time=True):
        video = playable(lecture.video, lecture.folder)
    if video is None:
        st.caption(f"No browser plays what is in {lecture.video.name}; convert the lecture to mp4 to watch it here.")
        return
    with st.container(key=f"player_{at.jump}"):
        st.video(
            str(video), start_time=math.ceil(at.second), autoplay=at.jump > 0, subtitles=_subtitles(lecture),
            alt=f"Lecture {lecture.name}",
        )  # fmt: skip


def _subtitles(lecture: Lecture) -> Any:
    if not lecture.captions:
        return None
    said = [html.escape(c.text, quote=False) for c in lecture.captions]  # else 'p < 0.05' ends at its sign
    cues = [f"{_stamp(c.start)} --> {_stamp(c.end)}\n{text}\n" for c, text in zip(lecture.captions, said)]
    return {"Captions": "WEBVTT\n\n" + "\n".join(cues)}


def _stamp(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes // 60):02d}:{int(minutes % 60):02d}:{rest:06.3f}"


def _timeline(course: Course, lecture: Lecture) -> None:
    """Slides, topics and the re-watch curve over time; a click on a slide or topic jumps there."""
    at = session.place()
    curve = course.rewatch(lecture.name, max(lecture.duration / 120, 2.0))
    figure = charts.timeline(lecture, curve, at.second)
    told = "; ".join(f"{clock(s.start)} {s.title}" for s in lecture.segments)
    chosen: Any = st.plotly_chart(  # a new one after each jump: what was chosen in the old one is done
        figure, key=f"timeline_{lecture.name}_{at.jump}", on_select="rerun", selection_mode="points",
        config={"displayModeBar": False, "scrollZoom": False}, alt=f"Slides over time: {told}",
    )  # fmt: skip
    points = chosen.selection.points if chosen else []
    second = points[0].get("customdata") if points else None
    second = second[0] if isinstance(second, list) else second
    if second is not None:
        session.jump(lecture.name, float(second))
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Click to jump." + (" Curve: share who watched again." if len(course.stretches) else ""))
        rows = [{"start_s": s.start, "end_s": s.end, "slide": s.slide, "title": s.title, "keywords": s.keywords,
                 "topic": lecture.topics[s.topic].title, "text": s.text} for s in lecture.segments]  # fmt: skip
        session.export("Segments", session.from_one(rows), f"{lecture.name}-segments", "export_segments")
        session.export("Curve", curve.to_dict("records"), f"{lecture.name}-rewatched", "export_curve")
        with st.popover("How found", icon=":material/info:"):
            st.markdown(_found(lecture))


def _found(lecture: Lecture) -> str:
    """By which methods the index was made, and what a reader should know of it."""
    slides, said, topics = (lecture.found[part] for part in ("slides", "transcript", "topics"))
    told = [
        f"**Slides** by {slides['method']!r}: {slides['slides']} slides, {slides['moving']} moving pictures.",
        f"**Transcript**: {ui.escape(said['method'])}.",
        f"**Topics** by {ui.escape(topics['method'])}.",
    ]
    return "  \n".join([*told, *(ui.escape(f"Note: {note}.") for note in lecture.notes)])


def _find(course: Course, lecture: Lecture) -> None:
    query = st.text_input(
        "Search", key="query", placeholder="Search all lectures: what is said and shown", icon=":material/search:",
        label_visibility="collapsed",
    )  # fmt: skip
    if query.strip():
        _hits(course, query)
    else:
        _slides(course, lecture)


def _hits(course: Course, query: str) -> None:
    found = course.passages.search(query, 6)
    if not found:
        st.info("Nothing in the lectures says or shows that; try other words.", icon=":material/search_off:")
    with st.container(height=560, border=False):
        for i, hit in enumerate(found):
            lecture = course.lectures[hit.lecture]
            parts = ", ".join(f"{what} {score:.2f}" for what, score in hit.parts.items())
            _row(lecture, hit.number, hit.second, f"{lecture.name} · {parts}", f"hit_{i}")


def _slides(course: Course, lecture: Lecture) -> None:
    views = course.views[course.lectures.index(lecture)]
    now = lecture.segments.index(lecture.at(session.place().second))
    with st.container(height=560, border=False):
        for i, segment in enumerate(lecture.segments):
            seen = views[i]
            told = ", ".join(segment.keywords[:3])
            if len(seen.watched) >= 5:
                told = f"watched again by {seen.share_again:.0%} of {len(seen.watched)}"
            _row(lecture, i, segment.start, told, f"slide_{i}", i == now)


def _row(lecture: Lecture, number: int, second: float, told: str, key: str, now: bool = False) -> None:
    """A slide with the button that jumps to it."""
    segment = lecture.segments[number]
    picture, words = st.columns([1, 2.1], vertical_alignment="center")
    file = lecture.picture(segment)
    if segment.picture and file.is_file():
        picture.image(str(file), width="stretch", alt=segment.title)
    with words:
        title = segment.title or ", ".join(segment.keywords[:3]) or "moving picture"
        if st.button(
            f"{clock(second)} · {ui.escape(title)}", key=f"{key}_{lecture.name}", icon=":material/play_circle:",
            type="primary" if now else "secondary", width="stretch",
        ):  # fmt: skip
            session.jump(lecture.name, second)
            st.rerun()
        st.caption(ui.escape(told))

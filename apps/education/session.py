"""What one session has open: a course, one of its groups, a place in a lecture, and whether names are hidden."""

from __future__ import annotations

import csv
import hashlib
import io
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st

from apps import ui
from apps.education.pages import PAGES
from core.answer import safe_cell
from core.errors import PolyfuseError
from domains.education import starter
from domains.education.course import ANSWERS, MASTERY, Course
from domains.education.course_folder import CourseFolder
from domains.education.lecture import FILE

DISCLAIMER = "Proposals for a teacher, who decides. Nothing is inferred from faces or voices."
SYNTHETIC = "Composite demonstration: simulated learners of a synthetic course; no claim of accuracy."
EVERYBODY = "All groups"
BASIS = {MASTERY: "the sequence of marks", ANSWERS: ANSWERS}  # of mastery, in words


class Place(NamedTuple):
    """Where the player stands: a second of a lecture; ``jump`` counts, so that each jump starts the player anew."""

    lecture: str
    second: float
    jump: int


def start(title: str, names: bool = True) -> Course | None:
    """The head of a page, and the open course; the first visit prepares the sample course. None: told in words."""
    folder = opened()
    if folder is None:
        ui.page(title, DISCLAIMER)
        _first_visit()
        return None
    told = f"{DISCLAIMER} {SYNTHETIC}" if folder.synthetic else DISCLAIMER
    ui.page(title, told, lambda: _tools(folder, names))
    st.session_state["decided"] = tuple((name, str(mark)) for name, mark in folder.queue().decisions().items())
    return course()


def _first_visit() -> None:
    st.markdown(
        "**Welcome.** The sample course is being prepared on this machine: three short lectures are indexed and the "
        "sample models are trained. This takes a minute or two and happens once."
    )
    with ui.Steps("Preparing the sample course") as steps:
        use_course(starter.ensure(steps).folder)
    st.rerun()


def _tools(folder: CourseFolder, names: bool) -> None:
    """Which course and group, and whether names are shown."""
    shown = (" · names hidden" if hidden() else " · names shown") if names else ""
    with st.popover(f"{group() or EVERYBODY}{shown}", icon=":material/tune:", width="stretch"):
        found = starter.courses()
        chosen = st.selectbox("Course", list(found), list(found).index(folder.name), key="pick_course")
        if chosen != folder.name:
            use_course(found[chosen].folder)
            st.rerun()
        groups = [*folder.groups(), EVERYBODY]
        now = group() or EVERYBODY
        wanted = st.selectbox("Group", groups, groups.index(now), key=f"pick_group_{folder.name}")
        if wanted != now:
            st.session_state["group"] = wanted
            st.rerun()
        hide = st.toggle("Hide learners' names", hidden(), key="hide_names")
        if hide != hidden():
            st.session_state["hidden"] = hide
            st.rerun()


def opened() -> CourseFolder | None:
    """The course that is open; at first the sample course, where it is prepared."""
    if "course" not in st.session_state:
        found = starter.ready()
        if found is None:
            return None
        use_course(found.folder)
    return CourseFolder(Path(st.session_state["course"]))


def use_course(folder: Path) -> None:
    """Open a course, at its latest group."""
    st.session_state["course"] = str(folder)
    groups = CourseFolder(folder).groups()
    st.session_state["group"] = groups[0] if groups else EVERYBODY
    for key in ("place", "learner"):
        st.session_state.pop(key, None)


def group() -> str | None:
    """The open group; None: all."""
    found = st.session_state.get("group", EVERYBODY)
    return None if found == EVERYBODY else str(found)


def course() -> Course:
    """The open course with the records of the open group, its lectures, and the marks decided when the page began."""
    folder = CourseFolder(Path(st.session_state["course"]))
    made_of = [*folder.folder.glob("*.csv"), *(place / FILE for place in folder.lectures())]
    changed = tuple(sorted((str(f), f.stat().st_mtime_ns) for f in made_of))
    return _course(str(folder.folder), group(), changed, st.session_state.get("decided", ()))


@st.cache_resource(show_spinner="Opening the course …", max_entries=6)
def _course(folder: str, group: str | None, changed: tuple[Any, ...], decided: tuple[Any, ...]) -> Course:
    return CourseFolder(Path(folder)).open(group)


def place() -> Place:
    """Where the player stands; at first the beginning of the first lecture."""
    if "place" not in st.session_state:
        st.session_state["place"] = Place(course().lectures[0].name, 0.0, 0)
    return st.session_state["place"]


def jump(lecture: str, second: float) -> None:
    """Put the player at a second of a lecture."""
    st.session_state["place"] = Place(lecture, second, place().jump + 1)


def jump_button(label: str, lecture: str, second: float, key: str, **look: Any) -> None:
    """A button that opens the lecture at a second."""
    if st.button(label, key=key, icon=":material/play_circle:", **look):
        jump(lecture, second)
        st.switch_page(PAGES.page("lecture"))


def hidden() -> bool:
    """Whether learners' names are hidden."""
    return bool(st.session_state.get("hidden", False))


@st.cache_data(max_entries=4)
def _names(folder: str, changed: int) -> dict[str, str]:
    return CourseFolder(Path(folder)).names()


def who(student: str) -> str:
    """A learner as this session may show it: by name and id, or as a number where names are hidden."""
    everybody = course().learners
    if hidden():
        return f"Learner {everybody.index(student) + 1}" if student in everybody else "Learner"
    path = Path(st.session_state["course"]) / "enrolments.csv"
    names = _names(str(path.parent), path.stat().st_mtime_ns) if path.is_file() else {}
    return f"{names[student]} ({student})" if student in names else student


def key(what: str, name: str) -> str:
    """The key of a widget about a learner: the browser can read it, so that no id stands in it."""
    salt = st.session_state.setdefault("salt", secrets.token_hex(8))
    return f"{what}_{hashlib.sha256((salt + name).encode(errors='backslashreplace')).hexdigest()[:12]}"


def shown(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows without the ids that hold a learner's, where names are hidden."""
    drop = ("answer_id",) if hidden() else ()
    return [{k: v for k, v in row.items() if k not in drop} for row in rows]


def from_one(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows whose slides count from 1, as the pages count them; a moving picture has no number."""
    return [{**row, "slide": None if row["slide"] is None else row["slide"] + 1} for row in rows]


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV that no spreadsheet takes for formulas; learners as this session may show them."""
    out, rows = io.StringIO(), shown(rows)
    writer = csv.DictWriter(out, list(rows[0]) if rows else ["empty"], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: safe_cell(who(str(v)) if k == "student_id" else _cell(v)) for k, v in row.items()})
    return out.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "|".join(map(str, value)) if isinstance(value, tuple) else "" if value is None else str(value)


def export(label: str, rows: Iterable[Mapping[str, Any]], name: str, key: str) -> None:
    """A button that downloads rows as CSV."""
    st.download_button(
        label, to_csv(list(rows)), f"{name}.csv", "text/csv", icon=":material/download:", on_click="ignore", key=key
    )


def records_of_nobody(what: str) -> None:
    """What a page says where the course lacks a table."""
    st.info(f"This course has no {what} yet.", icon=":material/upload_file:")
    st.page_link(PAGES.page("import"), label=f"Import {what}")


def told(error: PolyfuseError) -> None:
    """An error at its place, in words."""
    ui.show_error(error)

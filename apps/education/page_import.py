"""Import: lectures, questions and answers, and learning records of your own course; what is wrong is told at once."""

from __future__ import annotations

import filecmp
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from apps import ui
from apps.education import session
from apps.education.pages import PAGES
from core import recognition
from core.errors import ConfigError, FileError, PolyfuseError, TableError
from core.numbers import counted
from core.paths import check_path, typed_path
from core.preprocess.decode import decode_videos
from domains.education import course_import, starter
from domains.education.assignments import Assignments, read_assignments
from domains.education.assignments_read import read_questions
from domains.education.captions import read_captions
from domains.education.course_folder import CourseFolder
from domains.education.lecture import Lecture
from domains.education.records import ASIDE, KINDS, import_records, try_import

_VIDEOS = ["mp4", "webm", "mkv", "m4v", "mov"]
_RECORDS = ["csv", "json", "jsonl", "ndjson", "zip", "gz"]
_ENCODINGS = ["utf-8-sig", "cp1252", "latin-1", "utf-16"]
_RECOGNISERS = {
    "": "no transcript: slides alone",
    "faster_whisper": "recognise the speech on this machine (English)",
    "whisper": "recognise it by a Whisper model of yours",
}


def show() -> None:
    """The page."""
    ui.page("Import", session.DISCLAIMER)
    folder, counts, opens = _course()
    lectures, answers, records = st.tabs(["1 · Lectures", "2 · Questions and answers", "3 · Records"])
    with lectures, PAGES.boundary():
        _lecture(folder)
        _take_out(folder)
    with answers, PAGES.boundary():
        _answers(folder)
    with records, PAGES.boundary():
        _records(folder)
    _so_far(folder, counts, opens)


def _course() -> tuple[CourseFolder, DeltaGenerator, DeltaGenerator]:
    """The course to import into, and the places of what it has so far and of the button that opens it."""
    left, middle, right = st.columns([1.2, 2.2, 0.8], vertical_alignment="bottom")
    told = left.text_input("Course to import into", "My course", key="import_course")
    name = _without_signs(told)
    if not re.search(r"[^\W_]", name):
        raise ConfigError(
            f"{told!r} is no name for a course; it needs a letter or a digit, beside which there may be blanks, "
            "points, hyphens and underscores. Write one such as Statistics 1"
        )
    if name != told.strip():
        left.caption(f":material/info: It is called **{ui.escape(name)}**: other signs cannot stand in its name.")
    if name == starter.SAMPLE_COURSE:
        raise ConfigError("the sample course stays as it is; give your course another name")
    folder = starter.home() / "courses" / name
    check_path(folder)
    return CourseFolder(folder), middle.container(), right.container()


def _without_signs(name: str) -> str:
    """A name without the signs that cannot stand in one."""
    return re.sub(r"[^\w .-]+", "-", name).strip(" .-")


def _so_far(folder: CourseFolder, place: DeltaGenerator, opens: DeltaGenerator) -> None:
    """What the course has; drawn last, so that it counts what was just imported."""
    counts = {"lectures": len(folder.lectures())}
    for table in ("questions", "answers", "events", "enrolments", "scores"):
        found = folder.table(table)
        counts[table] = 0 if found is None else len(found)
    told = "So far: " + ", ".join(f"**{n}** {what}" for what, n in counts.items())
    ready = bool(counts["lectures"] and counts["questions"])
    more = "" if ready else "  \nA course opens with at least one lecture and one question."
    place.caption(told + more, help=f"Its tables lie in {ui.escape(str(folder.folder))}")
    if opens.button("Open this course", type="primary", disabled=not ready, key="open_course", width="stretch"):
        session.use_course(folder.folder)
        st.switch_page(PAGES.first())


def _lecture(folder: CourseFolder) -> None:
    left, right = st.columns(2)
    path = left.text_input("Path of a video on this machine", key="video_path", placeholder="/data/week-1.mp4")
    video = left.file_uploader("or upload it", _VIDEOS, key="video")
    captions = right.file_uploader("Captions (.vtt or .srt), if there are any", ["vtt", "srt"], key="captions")
    one, two = right.columns(2, vertical_alignment="bottom")
    encoding = one.selectbox("Their encoding", _ENCODINGS, key="captions_encoding")
    leave_out = two.checkbox("Leave faulty captions out", key="leave_captions")
    ways = list(_RECOGNISERS)
    chosen = right.selectbox("Without captions", ways, key="recogniser", format_func=_RECOGNISERS.__getitem__)
    model = right.text_input("Its folder or hub id", key="whisper_model") if chosen == "whisper" else ""
    called = left.text_input(
        "Name of the lecture, as the platform's logs call it", key="lecture_name", placeholder="that of the file"
    )
    left.caption("An hour takes some minutes without recognition. An interrupted index goes on where it stopped.")
    if not left.button("Index the lecture", type="primary", disabled=not (path.strip() or video), key="index"):
        return
    typed = typed_path(path) if path.strip() else None
    given = typed or Path("" if video is None else video.name)
    name = _without_signs(called) or _without_signs(given.stem) or "lecture"
    source = typed or _keep(folder, video, name)
    beside = None if captions is None else ui.keep_uploads([captions], read_captions)[0]
    rejected = ui.folder() / "faulty-captions.csv" if leave_out else None
    with ui.Steps("Indexing") as steps:
        mine = chosen == "whisper" and captions is None
        heard = recognition.build("whisper", model=model) if mine else chosen or None
        out = folder.folder / "lectures" / name
        check_path(out)
        try:
            found = Lecture.index(source, beside, heard, out, steps, encoding=encoding, rejected=rejected, name=name)
        except PolyfuseError as error:
            folder.drop_video(source.resolve())
            folder.drop_unbegun(name)
            if path or isinstance(error, TableError):
                raise
            raise FileError(str(error).replace(f"{source.absolute().parent}/", "")) from error  # as it was uploaded
    method = found.found["slides"]["method"]
    many = f"{counted(len(found.segments), 'segment')} in {counted(len(found.topics), 'topic')}"
    told = f"{name}: {many}; slides by {method!r}."
    st.success(ui.escape(told), icon=":material/check_circle:")
    for note in found.notes:
        st.caption(f":material/info: {ui.escape(note)}")
    if rejected is not None and rejected.is_file():
        _aside(pd.read_csv(rejected, dtype=str, keep_default_na=False))


def _take_out(folder: CourseFolder) -> None:
    """Lectures of the course, to be deleted."""
    names = [f.name for f in folder.lectures()]
    if not names:
        return
    with st.expander("Take a lecture out", icon=":material/delete:"):
        left, right = st.columns([2, 1], vertical_alignment="bottom")
        name = left.selectbox("Lecture", names, key="lecture_out")
        sure = left.checkbox("Delete its index, and its video where it was uploaded here", key=f"sure {name}")
        if right.button("Take it out", disabled=not sure, key="take_out"):
            folder.remove_lecture(name)
            st.success(ui.escape(f"{name} is no part of the course any more; records of it stay."))


def _keep(folder: CourseFolder, video: Any, name: str) -> Path:
    """An uploaded video stays with its course, under the lecture's name: every week's may be called recording.mp4."""
    kept = ui.keep_uploads([video], decode_videos)[0]
    place = folder.folder / "videos" / f"{name}{kept.suffix}"
    if place.is_file() and not filecmp.cmp(kept, place, shallow=False):
        raise FileError(
            f"{video.name}: the course has a lecture {name!r} of another video; give this one a name of its own, or "
            "take that one out first"
        )
    place.parent.mkdir(parents=True, exist_ok=True)
    kept.replace(place) if kept.stat().st_dev == place.parent.stat().st_dev else place.write_bytes(kept.read_bytes())
    return place


def _answers(folder: CourseFolder) -> None:
    left, right = st.columns(2)
    answers = left.file_uploader(
        "Answers or scores: Moodle, Canvas, or the plain table", ["csv", "gz"], key="answers",
        help="Plain table: student_id, question_id, question, reference, answer, concept, grade or points. An answer "
        "without either is graded on the page Grading.",
    )  # fmt: skip
    quiz = left.text_input(
        "Name of the quiz (Moodle numbers the questions of every quiz from 1)", key="quiz", placeholder="as the file"
    )
    questions = right.file_uploader("Questions: question_id, question, reference, concept", ["csv"], key="questions")
    encoding = right.selectbox("Encoding of both", _ENCODINGS, key="encoding")
    left.caption(
        "Added to what the course has; an answer that it has already is replaced. A learner named by a mail address is "
        "shown by its fingerprint, or by name where enrolments (Records) tell it beside the address."
    )
    if not left.button("Import", type="primary", disabled=not (answers or questions), key="import_answers"):
        return
    files = ui.keep_uploads([f for f in (answers, questions) if f is not None], None)
    if answers is None:
        found = Assignments(files[0].name, "questions")
        found.questions = read_questions(files[0], encoding, None, found.aside)
    else:
        ui.try_reading(read_assignments, *files, encoding=encoding)
        called = quiz.strip() or re.sub(r"[\W_]*responses$", "", files[0].name.split(".")[0], flags=re.IGNORECASE)
        found = read_assignments(files[0], *files[1:], encoding=encoding, quiz=called)
    told = [ui.without_folder(found.text()), course_import.add_answers(folder, found)]
    _done(told, bool(found.rows or found.questions))
    _aside(pd.DataFrame(found.aside, columns=["line", "reason", "content"]))


def _records(folder: CourseFolder) -> None:
    files = st.file_uploader(
        "xAPI statements (JSON), activity logs and click tables (CSV), OneRoster (zip), scores, enrolments and the "
        "calendar of work (CSV)", _RECORDS, accept_multiple_files=True, key="records",
        help="Scores: student_id, assessment, time, score, max_score. Enrolments: student_id, group, start; also "
        "registered, left, at_risk, name where known. Calendar: assessment, due, weight, group.",
    )  # fmt: skip
    left, right = st.columns(2, vertical_alignment="bottom")
    kind = left.selectbox("Read as", [None, *KINDS], format_func=lambda k: k or "told by each file's form", key="kind")
    right.caption("Added to what the course has; a record that it has already is not counted twice.")
    if not right.button("Import", type="primary", disabled=not files, key="import_records"):
        return
    kept = ui.keep_uploads(files, try_import)
    calendars = [f for f in kept if course_import.is_calendar(f)]
    others, told, aside = [f for f in kept if f not in calendars], list[str](), pd.DataFrame()
    read = len(calendars)
    with tempfile.TemporaryDirectory() as scratch:  # each by itself, so that what two of them hold is added once
        imports = [import_records([f], Path(scratch) / str(i), kind=kind) for i, f in enumerate(others)]
        added = Counter[str]()
        for found in imports:
            told += [f"{Path(source).name}: read as {read_as}" for source, read_as in found.kinds.items()]
            read += sum(count for name, count in found.rows.items() if name != ASIDE)
            added.update(course_import.add_records(folder, found))
            if (file := found.folder / ASIDE).is_file():
                aside = pd.concat([aside, pd.read_csv(file, dtype=str)])
        told += [f"{count} new {name}" for name, count in added.items()]
    told += [f"{f.name}: a calendar of {course_import.add_calendar(folder, f)} pieces of work" for f in calendars]
    _done(told, read > 0)
    _aside(aside)


def _done(told: Sequence[str], anything: bool) -> None:
    """What an import did; a warning where nothing could be used."""
    said = ui.escape("\n".join(told))
    if anything:
        st.success(said, icon=":material/check_circle:")
    else:
        st.warning(
            f"Nothing was imported: no line could be used. Look at the files, or at what was set aside.  \n{said}",
            icon=":material/warning:",
        )


def _aside(aside: pd.DataFrame) -> None:
    """Every line that was set aside with its reason."""
    if aside.empty:
        st.caption("No line was set aside.")
        return
    st.warning(f"{counted(len(aside), 'line')} set aside:", icon=":material/rule:")
    st.dataframe(aside, hide_index=True, height=220, alt="Lines set aside with their reasons")
    rows: Sequence[dict[str, Any]] = [{str(k): v for k, v in r.items()} for r in aside.to_dict("records")]
    session.export("Set aside as CSV", rows, "set-aside", "export_aside")

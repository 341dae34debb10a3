"""Import: lectures, questions and answers, and learning records of your own course; what is wrong is told at once."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from apps import ui
from apps.education import session
from apps.education.pages import PAGES
from core.errors import ConfigError
from core.preprocess.decode import decode_videos
from domains.education import starter
from domains.education.assignments import read_assignments
from domains.education.captions import read_captions
from domains.education.course_folder import CourseFolder
from domains.education.lecture import Lecture
from domains.education.records import KINDS, import_records, try_import

_VIDEOS = ["mp4", "webm", "mkv", "m4v", "mov"]
_RECORDS = ["csv", "json", "jsonl", "ndjson", "zip", "gz"]
_ENCODINGS = ["utf-8-sig", "cp1252", "latin-1", "utf-16"]


def show() -> None:
    """The page."""
    ui.page("Import", session.DISCLAIMER)
    folder = _course()
    lectures, answers, records = st.tabs(["1 · Lectures", "2 · Questions and answers", "3 · Records"])
    with lectures, PAGES.boundary():
        _lecture(folder)
    with answers, PAGES.boundary():
        _answers(folder)
    with records, PAGES.boundary():
        _records(folder)


def _course() -> CourseFolder:
    """The course to import into, and what it has so far."""
    left, middle, right = st.columns([1.2, 2.2, 0.8], vertical_alignment="bottom")
    told = left.text_input("Course to import into", "My course", key="import_course")
    name = re.sub(r"[^\w .-]+", "-", told).strip(" .-") or "My course"
    if name == starter.SAMPLE_COURSE:
        raise ConfigError("the sample course stays as it is; give your course another name")
    folder = CourseFolder(starter.home() / "courses" / name)
    counts = {"lectures": len(folder.lectures())}
    for table in ("questions", "answers", "events", "enrolments", "scores"):
        found = folder.table(table)
        counts[table] = 0 if found is None else len(found)
    middle.caption("So far: " + ", ".join(f"**{n}** {what}" for what, n in counts.items()))
    ready = bool(counts["lectures"] and counts["questions"])
    if right.button("Open this course", type="primary", disabled=not ready, key="open_course", width="stretch"):
        session.use_course(folder.folder)
        st.switch_page(PAGES.first())
    if not ready:
        middle.caption("A course opens with at least one lecture and one question.")
    return folder


def _lecture(folder: CourseFolder) -> None:
    left, right = st.columns(2)
    path = left.text_input("Path of a video on this machine", key="video_path", placeholder="/data/week-1.mp4")
    video = left.file_uploader("or upload it", _VIDEOS, key="video")
    captions = right.file_uploader("Captions (.vtt or .srt), if there are any", ["vtt", "srt"], key="captions")
    recogniser = right.selectbox(
        "Without captions", [None, "faster_whisper"], key="recogniser",
        format_func=lambda r: "no transcript: slides alone" if r is None else "recognise the speech on this machine",
    )  # fmt: skip
    right.caption("An hour takes some minutes without recognition. An interrupted index goes on where it stopped.")
    if not left.button("Index the lecture", type="primary", disabled=not (path or video), key="index"):
        return
    source = Path(path).expanduser() if path else _keep(folder, video)
    beside = None if captions is None else ui.keep_uploads([captions], read_captions)[0]
    with ui.Steps("Indexing") as steps:
        found = Lecture.index(source, beside, recogniser, folder.folder / "lectures" / source.stem, steps)
    method = found.found["slides"]["method"]
    told = f"{found.name}: {len(found.segments)} segments in {len(found.topics)} topics; slides by {method!r}."
    st.success(ui.escape(told), icon=":material/check_circle:")
    for note in found.notes:
        st.caption(f":material/info: {ui.escape(note)}")


def _keep(folder: CourseFolder, video: Any) -> Path:
    """An uploaded video stays with its course: its index plays it."""
    kept = ui.keep_uploads([video], decode_videos)[0]
    place = folder.folder / "videos" / kept.name
    place.parent.mkdir(parents=True, exist_ok=True)
    kept.replace(place) if kept.stat().st_dev == place.parent.stat().st_dev else place.write_bytes(kept.read_bytes())
    return place


def _answers(folder: CourseFolder) -> None:
    left, right = st.columns(2)
    answers = left.file_uploader(
        "Answers or scores: Moodle, Canvas, or the plain table", ["csv", "gz"], key="answers",
        help="Plain table: student_id, question_id, question, reference, answer, concept, grade or points",
    )  # fmt: skip
    questions = right.file_uploader("Questions: question_id, question, reference, concept", ["csv"], key="questions")
    encoding = right.selectbox("Encoding of both", _ENCODINGS, key="encoding")
    if not left.button("Import", type="primary", disabled=answers is None, key="import_answers"):
        return
    files = ui.keep_uploads([f for f in (answers, questions) if f is not None], None)
    ui.try_reading(read_assignments, *files, encoding=encoding)
    found = read_assignments(files[0], files[1] if len(files) > 1 else None, encoding=encoding)
    table = found.table()
    _store(folder, "answers", table)
    asked = (
        _questions(table)
        if questions is None
        else pd.read_csv(files[1], dtype=str, keep_default_na=False, encoding=encoding)
    )
    _store(folder, "questions", asked)
    _told(ui.without_folder(found.text()), pd.DataFrame(found.aside, columns=["line", "reason", "content"]))


def _questions(answers: pd.DataFrame) -> pd.DataFrame:
    """The questions that answers name; without a concept each is its own."""
    names = ("question_id", "question", "reference", "concept", "module")
    asked = answers.reindex(columns=names, fill_value="").drop_duplicates("question_id")
    return asked.assign(
        question=asked["question"].where(asked["question"] != "", asked["question_id"]),
        concept=asked["concept"].where(asked["concept"] != "", asked["question_id"]),
    )


def _records(folder: CourseFolder) -> None:
    files = st.file_uploader(
        "xAPI statements (JSON), activity logs and click tables (CSV), OneRoster (zip), enrolments and the calendar of "
        "work (CSV)", _RECORDS, accept_multiple_files=True, key="records",
    )  # fmt: skip
    left, right = st.columns(2, vertical_alignment="bottom")
    kind = left.selectbox("Read as", [None, *KINDS], format_func=lambda k: k or "told by each file's form", key="kind")
    if not right.button("Import", type="primary", disabled=not files, key="import_records"):
        return
    kept = ui.keep_uploads(files, try_import)
    calendars = [f for f in kept if {"assessment", "due"} <= set(_header(f))]
    for calendar in calendars:
        _store(folder, "work", pd.read_csv(calendar, dtype=str, keep_default_na=False))
    if not (others := [f for f in kept if f not in calendars]):
        _told("The calendar of work is kept.", pd.DataFrame())
        return
    with tempfile.TemporaryDirectory() as scratch:
        found = import_records(others, Path(scratch) / "records", kind=kind)
        for name in found.rows:
            if name != "set_aside.csv":
                table = pd.read_csv(found.folder / name, dtype=str, keep_default_na=False)
                table = _with_facts(table, others) if name == "enrolments.csv" else _with_lectures(table, folder)
                _store(folder, name.removesuffix(".csv"), table)
        aside = found.folder / "set_aside.csv"
        frame = pd.read_csv(aside, dtype=str) if aside.is_file() else pd.DataFrame()
    _told("\n".join(f"{Path(s).name}: read as {k}" for s, k in found.kinds.items()), frame)


def _header(file: Path) -> list[str]:
    """The columns of a CSV; none for any other file."""
    if file.suffix.lower() != ".csv":
        return []
    with file.open(encoding="utf-8-sig", errors="replace") as lines:
        return [cell.strip() for cell in lines.readline().strip().split(",")]


def _with_facts(enrolments: pd.DataFrame, files: Sequence[Path]) -> pd.DataFrame:
    """Enrolments with what else the files tell of a learner, such as the name, and an id for each."""
    keys = ["student_id", "group"]
    for file in (f for f in files if set(keys) <= set(_header(f))):
        told = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig").drop_duplicates(keys)
        more = [c for c in told if c not in enrolments]
        enrolments = enrolments.merge(told[[*keys, *more]], on=keys, how="left").fillna("")
    if "enrolment_id" not in enrolments:
        enrolments = enrolments.assign(enrolment_id=enrolments["student_id"] + "-" + enrolments["group"])
    return enrolments


def _with_lectures(table: pd.DataFrame, folder: CourseFolder) -> pd.DataFrame:
    """Events name a lecture by an address; here it is the lecture whose name the address ends with."""
    if "lecture" not in table:
        return table
    known = {f.name for f in folder.lectures()}
    ends = table["lecture"].str.rstrip("/").str.rsplit("/", n=1).str[-1].str.replace(r"\.\w{2,4}$", "", regex=True)
    return table.assign(lecture=table["lecture"].where(~ends.isin(known), ends))


def _store(folder: CourseFolder, name: str, table: pd.DataFrame) -> None:
    folder.folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder.folder / f"{name}.csv", index=False)


def _told(words: str, aside: pd.DataFrame) -> None:
    """What was read, and every line that was set aside with its reason."""
    st.success(ui.escape(words), icon=":material/check_circle:")
    if aside.empty:
        st.caption("No line was set aside.")
        return
    st.warning(f"{len(aside)} line{'s' * (len(aside) != 1)} set aside:", icon=":material/rule:")
    st.dataframe(aside, hide_index=True, height=220, alt="Lines set aside with their reasons")
    rows: Sequence[dict[str, Any]] = [{str(k): v for k, v in r.items()} for r in aside.to_dict("records")]
    session.export("Set aside as CSV", rows, "set-aside", "export_aside")

"""A course as a folder: indexed lectures and the tables of its learners, of which any but questions may be missing.

lectures/NAME/lecture.json   questions.csv   answers.csv   events.csv   enrolments.csv   work.csv   scores.csv
    mastery.csv                  as domains.education.mastery writes it; without it, the share of the points
course.json                  what is to be told of it: whether it is synthetic, what it was made of
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from core.errors import FileError, unknown
from domains.education.course import Course
from domains.education.join_tables import SHARES
from domains.education.lecture import Lecture
from domains.education.review_queue import ReviewQueue

TABLES = ("questions", "answers", "events", "enrolments", "work", "scores")


@dataclass(frozen=True)
class CourseFolder:
    """One course of the user's folder."""

    folder: Path

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    def lectures(self) -> list[Path]:
        """The indexed lectures in order of their names."""
        return sorted(f.parent for f in self.folder.glob("lectures/*/lecture.json"))

    def remove_lecture(self, name: str) -> None:
        """Delete the index of a lecture and, where it was uploaded to this course, its video; records of it stay.

        Raises:
            ConfigError: if the course has no lecture of that name.
        """
        place = next((f for f in self.lectures() if f.name == name), None)
        if place is None:
            raise unknown("lecture", name, [f.name for f in self.lectures()])
        video = Lecture.open(place).video
        shutil.rmtree(place)
        self.drop_video(video)

    def drop_video(self, video: Path) -> None:
        """Delete a video that was uploaded to this course, unless a lecture plays it."""
        played = any(Lecture.open(f).video == video for f in self.lectures())
        if video.parent == (self.folder / "videos").resolve() and not played:
            video.unlink(missing_ok=True)

    def drop_unbegun(self, name: str) -> None:
        """Delete the folder of a lecture of which nothing was indexed; one that was interrupted stays, to go on."""
        place = self.folder / "lectures" / name
        if not any(f.is_file() for f in place.rglob("*")):
            shutil.rmtree(place, ignore_errors=True)

    def table(self, name: str) -> pd.DataFrame | None:
        """A table, every cell as text; None where the course has none."""
        path = self.folder / f"{name}.csv"
        return pd.read_csv(path, dtype=str, keep_default_na=False) if path.is_file() else None

    def groups(self) -> list[str]:
        """The groups of its enrolments, the latest first."""
        enrolled = self.table("enrolments")
        if enrolled is None or "group" not in enrolled:
            return []
        order = enrolled.sort_values("start", ascending=False) if "start" in enrolled else enrolled
        return list(dict.fromkeys(order["group"]))

    def members(self, group: str | None) -> list[str] | None:
        """The learners of a group; None: everybody."""
        enrolled = self.table("enrolments")
        if enrolled is None or group is None:
            return None
        return list(enrolled.loc[enrolled["group"] == group, "student_id"])

    def queue(self) -> ReviewQueue:
        """The answers that wait for a teacher, and what was decided."""
        return ReviewQueue(self.folder / "review.sqlite", "grade", SHARES)

    def open(self, group: str | None = None) -> Course:
        """The course with the records of one group, or of everybody.

        Raises:
            FileError: without a table of questions.
            ConfigError: without a lecture.
            TableError: for faults of a table.
        """
        questions = self.table("questions")
        if questions is None:
            raise FileError(f"{self.folder}: no questions.csv; a course needs its questions with their concepts")
        members = self.members(group)
        answers = self.table("answers")
        if answers is not None and "answer_id" in answers and "grade" in answers:
            answers = self.queue().with_overrides(answers)
        events, mastery = self.table("events"), self.table("mastery")
        named = (t if t is None or "student_id" not in t else self.with_ids(t) for t in (answers, events, mastery))
        own = (_of(table, members) for table in named)
        return Course(self.lectures(), questions, *own)

    def store(self, name: str, table: pd.DataFrame) -> None:
        """Write a table of the course in place of the one it has."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f"{name}.part"
        table.to_csv(part, index=False)
        part.replace(self.folder / f"{name}.csv")

    def names(self) -> dict[str, str]:
        """The names of learners by id, where the enrolments have a column ``name``."""
        enrolled = self.table("enrolments")
        if enrolled is None or "name" not in enrolled:
            return {}
        return dict(zip(enrolled["student_id"], enrolled["name"]))

    def with_ids(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table whose learners are called by their ids also where it names them, as the logs of Moodle do."""
        if not (names := self.names()):
            return table
        called = pd.Series(names).drop_duplicates(keep=False)
        ids = {name: student for student, name in called.items() if name}
        return table.assign(student_id=[s if s in names else ids.get(s, s) for s in table["student_id"]])

    def describe(self, **facts: Any) -> None:
        """Write what is to be told of the course."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "course.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")

    def made_of(self) -> str:
        """What a prepared course was made of; "" for any other."""
        return str(self._facts().get("made_of", ""))

    @property
    def synthetic(self) -> bool:
        """Whether its learners are generated."""
        return bool(self._facts().get("synthetic"))

    def _facts(self) -> dict[str, Any]:
        path = self.folder / "course.json"
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _of(table: pd.DataFrame | None, members: list[str] | None) -> pd.DataFrame | None:
    """The rows of some learners; None: of all."""
    return table if table is None or members is None else table[table["student_id"].isin(members)]

"""A course of one's own grows by imports: quizzes and weeks are added, gaps are filled, nothing is counted twice."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from core.errors import ConfigError, TableError
from domains.education import course_import, course_marks, course_mastery, course_risk, join_tables
from domains.education.assignments import Assignments, read_assignments
from domains.education.course_folder import CourseFolder
from domains.education.join_tables import with_lectures
from domains.education.mastery_net import NetOptions
from domains.education.records import import_records
from domains.education.records_types import learner_id
from domains.education.risk_features import snapshot

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MOODLE = 'Surname,First name,Email address,State,Started on,Completed,"Q. 1 /2.00",Question 1,Response 1,Right answer 1'


def moodle(folder: Path, name: str, *rows: str) -> Path:
    file = folder / name
    file.write_text("\n".join([MOODLE, *rows]), encoding="utf-8")
    return file


def attempt(who: str, points: str, answer: str) -> str:
    return f'X,Y,{who}@x.invalid,Finished,"1 May 2026 10:00 AM","1 May 2026 10:05 AM",{points},Why?,{answer},Because'


@pytest.fixture
def course(tmp_path: Path) -> CourseFolder:
    return CourseFolder(tmp_path / "course")


def add(course: CourseFolder, file: Path, quiz: str, questions: Path | None = None) -> str:
    return course_import.add_answers(course, read_assignments(file, questions, quiz=quiz, now=NOW))


def test_a_second_quiz_is_added_and_one_exported_again_is_not_doubled(course: CourseFolder, tmp_path: Path) -> None:
    first = moodle(tmp_path, "a.csv", attempt("s1", "2.00", "right"), attempt("s2", "0.50", "partly so"))
    assert add(course, first, "quiz 1") == "Added 2 answers. The course has 1 question on 1 concept."
    assert "3 answers" in add(
        course, moodle(tmp_path, "b.csv", *[attempt(f"s{i}", "1", "x") for i in (1, 2, 3)]), "quiz 2"
    )
    again = moodle(tmp_path, "a.csv", attempt("s1", "2.00", "right"), attempt("s2", "1.50", "better marked"))
    assert "2 answers, 2 of them in place of older ones" in add(course, again, "quiz 1")
    table = course.table("answers")
    assert table is not None
    assert sorted(table["question_id"]) == ["quiz 1 Q1"] * 2 + ["quiz 2 Q1"] * 3
    assert table.set_index("answer_id").loc[f"{learner_id('s2@x.invalid')}-quiz 1 Q1-1", "points"] == "1.50"
    questions = course.table("questions")
    assert questions is not None
    assert questions[["question_id", "question", "concept"]].values.tolist() == [
        ["quiz 1 Q1", "Why?", "quiz 1 Q1"], ["quiz 2 Q1", "Why?", "quiz 2 Q1"],
    ]  # fmt: skip


def test_a_table_of_questions_names_concepts_also_later(course: CourseFolder, tmp_path: Path) -> None:
    answers = moodle(tmp_path, "a.csv", attempt("s1", "2.00", "right"))
    add(course, answers, "quiz 1")
    asked = tmp_path / "q.csv"
    asked.write_text("question_id;concept\nQ1;circuits\n", encoding="utf-8")
    add(course, answers, "quiz 1", asked)
    add(course, answers, "quiz 1")  # without it once more
    questions = course.table("questions")
    assert questions is not None
    assert questions[["question", "reference", "concept"]].values.tolist() == [["Why?", "Because", "circuits"]]


def test_answers_without_any_mark_wait_for_one(course: CourseFolder, tmp_path: Path) -> None:
    rows = [attempt("s1", "-", "it is so"), attempt("s2", "2.00", "right"), attempt("s3", "-", "-")]
    add(course, moodle(tmp_path, "a.csv", *rows), "quiz 1")
    assert course_marks.without_mark(course)["answer"].tolist() == ["it is so"]
    trained = course_marks.training_table(course)
    assert trained[["answer", "grade"]].values.tolist() == [["right", "correct"]]
    plain = tmp_path / "plain.csv"
    plain.write_text("student_id,question_id,question,answer\ns4,q9,How?,like this\n", encoding="utf-8")
    add(course, plain, "")
    assert len(course_marks.without_mark(course)) == 2


def test_answers_that_nobody_signed_are_not_replaced_by_those_of_others(course: CourseFolder, tmp_path: Path) -> None:
    for texts in (("one", "two", "two"), ("three",), ("three",)):
        file = tmp_path / "a.csv"
        file.write_text("question_id,question,answer\n" + "".join(f"q1,Why?,{t}\n" for t in texts), encoding="utf-8")
        add(course, file, "")
    answers = course.table("answers")
    assert answers is not None
    assert answers["answer"].tolist() == ["one", "two", "two", "three"]
    assert answers["answer_id"].is_unique


def test_points_become_grades_to_train_on(course: CourseFolder, tmp_path: Path) -> None:
    rows = [attempt(f"s{i}", p, "words") for i, p in enumerate(["2.00", "1.00", "0.00"])]
    add(course, moodle(tmp_path, "a.csv", *rows), "quiz 1")
    assert course_marks.training_table(course)["grade"].tolist() == ["correct", "partly", "incorrect"]


def test_mastery_is_traced_from_points_and_grades_and_goes_with_new_answers(
    course: CourseFolder, tmp_path: Path
) -> None:
    lines = ["student_id,question_id,question,answer,grade,points,max_points,time"]
    for s in range(8):
        for q in range(4):
            mark = ("correct" if (s + q) % 3 else "partly", "", "") if s % 2 else ("", str((s + q) % 3), "2")
            lines.append(f"s{s},q{q},What?,words,{','.join(mark)},2026-05-{q + 1:02}")
    (tmp_path / "a.csv").write_text("\n".join(lines), encoding="utf-8")
    add(course, tmp_path / "a.csv", "")
    told = course_mastery.outcomes(course)
    assert told.loc[(told.student_id == "s0") & (told.question_id == "q1"), "correct"].tolist() == ["1"]  # half of them
    assert told.loc[(told.student_id == "s1") & (told.question_id == "q2"), "correct"].tolist() == ["0"]  # partly
    table = course_mastery.trace(course, options=NetOptions(width=8, hidden=8, epochs=1))
    assert len(table) == 32
    assert table["probability"].between(0, 1).all()
    assert course.table("mastery") is not None
    add(course, tmp_path / "a.csv", "")
    assert course.table("mastery") is None
    course_mastery.trace(course, options=NetOptions(width=8, hidden=8, epochs=1))
    asked = Assignments("q.csv", "questions", questions={"q1": {"concept": "circuits"}})
    course_import.add_answers(course, asked)  # concepts have other names now
    assert course.table("mastery") is None


def test_points_without_their_maximum_are_set_aside_and_the_course_opens(course: CourseFolder, tmp_path: Path) -> None:
    book = tmp_path / "book.csv"  # as Moodle's gradebook writes real points
    book.write_text(
        "First name,Surname,Email address,Quiz (Real),Lab (Percentage)\nA,B,a@x.invalid,7.5,80 %\n", encoding="utf-8"
    )
    found = read_assignments(book, now=NOW)
    assert course_import.add_answers(course, found).startswith("Added 1 answer.")
    assert [a.reason.split(",")[0] for a in found.aside] == ["points without max_points"]
    stored = course.table("answers")
    assert stored is not None
    assert join_tables.answers(stored, ["Quiz", "Lab"])["share"].tolist() == [0.8]


def test_too_few_learners_to_trace(course: CourseFolder, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no answers and questions yet"):
        course_mastery.trace(course)
    add(course, moodle(tmp_path, "a.csv", attempt("s1", "2.00", "right")), "quiz 1")
    with pytest.raises(ConfigError, match="marks of at least 5 learners, found 1"):
        course_mastery.trace(course)


LOG = "student_id,time,verb\ns1,2026-03-02T10:00:00Z,opened\nteacher,2026-03-02T11:00:00Z,opened\n"


def records(course: CourseFolder, tmp_path: Path, **texts: str) -> dict[str, int]:
    files = []
    for name, text in texts.items():
        files.append(tmp_path / f"{name}.csv")
        files[-1].write_text(text, encoding="utf-8")
    return course_import.add_records(course, import_records(files, tmp_path / "records", now=NOW))


def test_learners_named_by_a_mail_address_keep_their_names(course: CourseFolder, tmp_path: Path) -> None:
    records(course, tmp_path, enrolled="student_id,group,name\nS2@x.invalid,g,Bo\n")
    add(course, moodle(tmp_path, "a.csv", attempt("s2", "2.00", "right")), "quiz 1")
    answers = course.table("answers")
    assert answers is not None
    assert course.names() == {answers["student_id"].iloc[0]: "Bo"}


def test_records_of_a_week_are_added_once(course: CourseFolder, tmp_path: Path) -> None:
    assert records(course, tmp_path, log=LOG) == {"events": 2}
    assert records(course, tmp_path, log=LOG + "s1,2026-03-09T10:00:00Z,opened\n") == {"events": 1}
    who = "student_id,group,start,name\ns1,g,2026-03-01,Ada\n"
    assert records(course, tmp_path, enrolled=who) == {"enrolments": 1}
    assert records(course, tmp_path, enrolled=who.replace("name", "at_risk").replace("Ada", "1")) == {"enrolments": 0}
    enrolled = course.table("enrolments")
    assert enrolled is not None
    assert enrolled[["enrolment_id", "at_risk"]].values.tolist() == [["s1-g", "1"]]


def test_enrolments_keep_what_a_later_file_does_not_tell(course: CourseFolder, tmp_path: Path) -> None:
    records(course, tmp_path, enrolled="student_id,group,start,left,name\ns1,g,2026-03-01,2026-04-01,Ada Lo\n")
    assert records(course, tmp_path, enrolled="student_id,group,at_risk,left\ns1,g,1,\n") == {"enrolments": 0}
    enrolled = course.table("enrolments")
    assert enrolled is not None
    assert enrolled[["start", "name", "at_risk", "left"]].values.tolist() == [
        ["2026-03-01T00:00:00Z", "Ada Lo", "1", ""]
    ]


def test_a_learner_whom_a_table_lists_twice_is_enrolled_once_with_all_facts(
    course: CourseFolder, tmp_path: Path
) -> None:
    rows = [
        "s1, g,2026-03-01,Ada",
        "s1,g,2026-03-01,Ada",
        "Bo@x.invalid,g,2026-03-01,Bo",
        "bo@x.invalid,g,2026-03-01,Bo",
    ]
    assert records(course, tmp_path, enrolled="\n".join(["student_id,group,start,name", *rows])) == {"enrolments": 2}
    assert list(course.names().values()) == ["Ada", "Bo"]
    tables, _ = course_risk.risk_tables(course)
    assert len(tables.enrolments) == 2


def test_early_warning_finds_the_group_of_a_click_and_leaves_teachers_out(course: CourseFolder, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no enrolments"):
        course_risk.risk_tables(course)
    scores = "student_id,assessment,time,score,max_score\ns1,quiz,2026-03-12,3,4\ns1,quiz,2026-03-13,5,4\n"
    records(
        course, tmp_path, log=LOG, scores=scores, enrolled="student_id,group,start\ns1,g,2026-03-01\ns2,g,2026-03-01\n"
    )
    calendar = tmp_path / "work.csv"
    calendar.write_text("assessment;due;weight\nquiz;2026-03-10;50\n", encoding="utf-8")
    assert course_import.is_calendar(calendar)
    assert course_import.add_calendar(course, calendar) == 1
    tables, left_out = course_risk.risk_tables(course)
    assert left_out == 1
    known = snapshot(tables, 13).set_index("student_id")
    assert known["clicks_so_far"].tolist() == [1, 0]
    assert known["mean_percent"].tolist()[0] == 75
    assert course_risk.weeks_known(tables, "g") == 1  # the last record is of the second week, which is not over
    assert list(course_risk.days_of(3)) == [6, 13, 20]
    with pytest.raises(ConfigError, match="no outcome is known yet"):
        course_risk.training_rows(course)
    ended = "student_id,group,start,at_risk\ns1,g,2026-03-01,1\ns2,g,2026-03-01,\ns3,old,2026-02-01,0\n"
    records(course, tmp_path, enrolled=ended)
    learned = course_risk.training_rows(course)
    assert learned[["case_id", "at_risk", "split"]].values.tolist() == [
        ["s1-g@6", "1", "test"],
        ["s3-old@6", "0", "train"],
    ]


def test_who_takes_a_course_again_was_in_each_group_at_its_time(course: CourseFolder, tmp_path: Path) -> None:
    for year in (2024, 2026):
        records(
            course, tmp_path, enrolled=f"student_id,group,start\ns1,{year},{year}-03-01\ns{year},{year},{year}-03-01\n"
        )
    times = ["2026-03-02", "2024-02-20", "2024-03-05"]
    records(course, tmp_path, log="\n".join(["student_id,time,verb", *(f"s1,{t},opened" for t in times)]))
    tables, left_out = course_risk.risk_tables(course)
    assert left_out == 0
    assert tables.events[["group", "day"]].values.tolist() == [["2026", 1], ["2024", -10], ["2024", 4]]


def test_a_group_that_has_just_begun_is_not_judged_by_weeks_to_come(course: CourseFolder, tmp_path: Path) -> None:
    enrolled = "student_id,group,start\ns1,old,2026-01-01\ns2,new,2026-03-01\n"
    log = "student_id,time,verb\ns1,2026-01-22,opened\ns2,2026-03-08,opened\n"
    records(course, tmp_path, log=log, enrolled=enrolled)
    tables, _ = course_risk.risk_tables(course)
    rows = course_risk.known_rows(tables, course_risk.days_of(course_risk.weeks_known(tables, None)))
    assert rows["case_id"].tolist() == ["s1-old@6", "s2-new@6", "s1-old@13", "s1-old@20"]


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("assessment,due\nquiz,2026-03-10\n", TableError, "'weight': is missing"),
        ("group,assessment,due,weight\ng,quiz,soon,5\n", TableError, "no date; write one such as"),
        (
            "group,assessment,due,weight\ng,quiz,2026-03-10\n",
            TableError,
            r"work\.csv[\s\S]*3 cells, the header has 4",
        ),
    ],
    ids=["column", "date", "cells"],
)
def test_a_faulty_calendar_is_refused(
    course: CourseFolder, tmp_path: Path, text: str, error: type[Exception], words: str
) -> None:
    (tmp_path / "work.csv").write_text(text, encoding="utf-8")
    with pytest.raises(error, match=words):
        course_import.add_calendar(course, tmp_path / "work.csv")


def test_a_calendar_of_no_group_is_refused_and_takes_none_away(course: CourseFolder, tmp_path: Path) -> None:
    (tmp_path / "work.csv").write_text("assessment,due,weight\nquiz,2026-03-10,5\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"no group yet .* import enrolments"):
        course_import.add_calendar(course, tmp_path / "work.csv")
    assert course.table("work") is None


def test_events_that_name_a_lecture_by_its_address_find_it() -> None:
    named = ["https://x.invalid/course/lecture-3", "https://x.invalid/lecture-9", "a/lecture-3.mp4/"]
    found = with_lectures(pd.DataFrame({"lecture": named}), ["lecture-3"])["lecture"].tolist()
    assert found == ["lecture-3", "https://x.invalid/lecture-9", "lecture-3"]
    named = ["Week 1.10", "https://x.invalid/Week%201.10", "v/Week%201.mp4?forcedownload=1"]
    found = with_lectures(pd.DataFrame({"lecture": named}), ["Week 1", "Week 1.10"])["lecture"].tolist()
    assert found == ["Week 1.10", "Week 1.10", "Week 1"]


def test_moodles_own_log_finds_its_learners_by_name(course: CourseFolder, tmp_path: Path) -> None:
    head = (
        'Time,"User full name","Affected user","Event context",Component,"Event name",Description,Origin,"IP address"'
    )
    lines = [head, '"12/03/26, 10:15:32",Ada Lo,-,Course: X,System,Course viewed,,web,::1',
             '"2 March 2026, 8:15:02 PM",Bo Ek,-,URL: lecture-1,URL,Course module viewed,,web,::1']  # fmt: skip
    assert records(course, tmp_path, log="\n".join(lines)) == {"events": 2}
    events = course.table("events")
    assert events is not None
    assert events[["time", "verb", "object"]].values.tolist() == [
        ["2026-03-12T10:15:32Z", "course viewed", "Course: X"],
        ["2026-03-02T20:15:02Z", "course module viewed", "URL: lecture-1"],
    ]
    records(course, tmp_path, who="student_id,group,start,name\ns1,g,2026-03-01,Ada Lo\ns2,g,2026-03-01,Bo Ek\n")
    tables, left_out = course_risk.risk_tables(course)
    assert left_out == 0
    assert tables.events[["student_id", "group", "day"]].values.tolist() == [["s1", "g", 11.0], ["s2", "g", 1.0]]


def test_a_table_of_scores_is_read(course: CourseFolder, tmp_path: Path) -> None:
    text = "student_id,assessment,time,score,max_score\ns1,quiz,2026-03-12,3,4\ns1,quiz,2026-03-13,5,4\ns1,quiz,,3,4\n"
    (tmp_path / "s.csv").write_text(text, encoding="utf-8")
    found = import_records([tmp_path / "s.csv"], tmp_path / "out", now=NOW)
    assert list(found.kinds.values()) == ["scores"]
    assert found.rows == {"scores.csv": 1, "set_aside.csv": 2}
    reasons = pd.read_csv(found.folder / "set_aside.csv")["reason"].tolist()
    assert reasons == [
        "the score 5 lies outside 0 to 4, which is above 0",
        "no time; write one such as 2026-03-01T10:00:00Z",
    ]

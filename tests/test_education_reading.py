"""Files of a course as people make them: cut rows, encodings of spreadsheets, forms that nothing fits."""

from __future__ import annotations

from pathlib import Path

from domains.education.assignments import read_assignments
from domains.education.assignments_read import read_questions
from domains.education.records_types import SetAside


def test_rows_of_a_table_of_questions_that_are_cut_short_or_nameless_are_set_aside(tmp_path: Path) -> None:
    text = 'student_id,question_id,answer,grade\ns1,q1,x,\ns2\ns3," ",x,\ns4,"q2,x,\n'
    (tmp_path / "q.csv").write_text(text, encoding="utf-8")
    aside: list[SetAside] = []
    assert list(read_questions(tmp_path / "q.csv", "utf-8-sig", None, aside)) == ["q1"]
    assert [(a.line, a.reason.partition(";")[0]) for a in aside] == [
        (3, "questions: 1 cells, the header has 4"),
        (4, "questions: no question_id"),
        (5, "questions: 2 cells, the header has 4"),
    ]
    (tmp_path / "a.csv").write_text("student_id,question_id,answer\ns1,q1,x\n", encoding="utf-8")
    (tmp_path / "q.csv").write_text("question_id,question\nq1,Why?\nq2\n", encoding="utf-8")
    found = read_assignments(tmp_path / "a.csv", tmp_path / "q.csv")
    assert [(a.line, a.reason[:20]) for a in found.aside] == [(3, "questions: 1 cells, ")]


def test_utf_16_that_says_so_is_read_whatever_is_chosen(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("student_id;question_id;question;answer\ns1;q1;Warum?;Größe\n", encoding="utf-16")
    assert read_assignments(tmp_path / "a.csv").rows[0]["answer"] == "Größe"

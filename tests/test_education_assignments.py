"""Answers in: each known export, and every fault of a file at once, with its reason."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from core.errors import ConfigError, FileError, TableError
from core.table import StringTable
from domains.education import Grader
from domains.education.assignments import Assignments, main, read_assignments
from domains.education.assignments_history import share_right, with_history
from domains.education.mastery_data import read_answers
from domains.education.records_types import learner_id

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def read(folder: Path, text: str, questions: str | None = None, **options: object) -> Assignments:
    (folder / "a.csv").write_text(text, encoding="utf-8")
    asked = None
    if questions is not None:
        asked = folder / "q.csv"
        asked.write_text(questions, encoding="utf-8")
    return read_assignments(folder / "a.csv", asked, now=NOW, **options)  # type: ignore[arg-type]


QUESTIONS = "question_id,question,reference,concept,module\nq1,Why dark?,No closed path|A gap,circuits,week 1\n"


def test_the_plain_table_is_completed_from_the_questions(tmp_path: Path) -> None:
    found = read(tmp_path, "student_id,question_id,answer,grade\ns1,q1, there is a gap ,correct\n", QUESTIONS)
    assert found.kind == "plain"
    assert found.aside == []
    assert found.rows == [
        {
            "student_id": "s1", "question_id": "q1", "answer": "there is a gap", "grade": "correct",
            "question": "Why dark?", "reference": "No closed path|A gap", "concept": "circuits", "module": "week 1",
            "attempt": "1", "answer_id": "s1-q1-1",
        }
    ]  # fmt: skip


def test_all_faults_are_set_aside_at_once_with_line_and_reason(tmp_path: Path) -> None:
    rows = [
        "answer_id,student_id,question_id,answer,grade,points,max_points,time,section",
        "a1,s1,q1,a gap,correct,,,2026-05-01T10:00:00Z,A",
        "a2,s1,q9,a gap,correct,,,,A",
        "a3,s1,q1,a gap,right,,,,A",
        "a4,s1,q1,a gap,correct,,,2027-01-01,A",
        "a5,s1,q1,,,,,,A",
        "a1,s1,q1,a gap,correct,,,,A",
        "a6,s1,q1,a gap,,5,4,,A",
        "a7,s1,q1,a gap,,much,4,,A",
        "a8,s2,q1,a gap,correct,,,,A",
        "a9,s2,q1,no gap,incorrect,,,,B",
        "a10,,q1,,correct,,,,A",
        "a11,s1,q1,a, gap,correct,,,,A",
    ]
    found = read(tmp_path, "\n".join(rows), QUESTIONS)
    assert [r["answer_id"] for r in found.rows] == ["a1"]
    said = {(a.line, a.reason.split(";")[0]) for a in found.aside}
    assert said == {
        (3, "an answer with no question: q9 has neither question nor reference, here or in the table of questions"),
        (4, "unknown grade 'right'. Choices: contradictory, correct, incorrect, partly"),
        (5, "the time '2027-01-01' lies in the future (now is 2026-06-01)"),
        (6, "neither an answer nor a score"),
        (7, "the answer_id 'a1' is there twice"),
        (8, "5 points of 4"),
        (9, "points are 'much' of '4'"),
        (0, "the learner is in two groups, A and B"),
        (12, "no student_id"),
        (13, "10 cells, the header has 9"),
    }
    assert sum("two groups" in a.reason for a in found.aside) == 2
    assert "set aside 2 × the learner is in two groups" in found.text()


def test_a_wrong_encoding_names_the_line_and_the_way_out(tmp_path: Path) -> None:
    text = "student_id,question_id,question,answer\ns1,q1,Warum?,weil\ns2,q1,Warum?,Größe\n"
    (tmp_path / "a.csv").write_bytes(text.encode("cp1252"))
    with pytest.raises(FileError, match="is not UTF-8 at line 3; save it as 'CSV UTF-8', or name its encoding"):
        read_assignments(tmp_path / "a.csv", now=NOW)
    assert read_assignments(tmp_path / "a.csv", encoding="cp1252", now=NOW).rows[1]["answer"] == "Größe"
    with pytest.raises(ConfigError, match="unknown encoding 'cp1253x'"):
        read_assignments(tmp_path / "a.csv", encoding="cp1253x", now=NOW)


def test_unknown_columns_and_empty_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no known columns in a, b; export the quiz report 'Responses'"):
        read(tmp_path, "a,b\n1,2\n")
    with pytest.raises(FileError, match="is empty"):
        read(tmp_path, "")
    with pytest.raises(ConfigError, match="Did you mean 'moodle'"):
        read(tmp_path, "a,b\n1,2\n", kind="moodel")
    with pytest.raises(FileError, match="no column 'question_id' among question, reference"):
        read(tmp_path, "student_id,question_id,answer\ns1,q1,x\n", "question,reference\nx,y\n")


MOODLE = (
    '"Last name","First name","ID number","Email address",State,"Started on",Completed,"Time taken",Grade/10.00,'
    '"Question 1","Response 1","Right answer 1","Response 2","Q. 1 /2.00"\n'
    'Abel,Ann,,ann@x.org,Finished,"22 April 2026  9:05 AM","22 April 2026  9:25 AM","20 mins",8.00,'
    '"<p>Why &amp; how?</p>","By <b>gaps</b>","A gap",-,"1,50"\n'
    'Abel,Ann,,ann@x.org,Finished,"23 April 2026 14:00","23 April 2026 14:10","9 mins",9.00,Why?,again,A gap,yes,2.00\n'
    'Bunce,Bob,,bob@x.org,"In progress","23 April 2026 14:00",-,-,-,Why?,half,A gap,yes,-\n'
    '"Overall average",,,,,,,,8.50,,,,,1.75\n'
)


def test_moodle_responses(tmp_path: Path) -> None:
    found = read(tmp_path, MOODLE)
    assert found.kind == "moodle"
    first, second = found.rows
    assert first["student_id"] == learner_id("Ann@x.org") == second["student_id"]
    assert "@" not in f"{found.rows}{found.aside}"
    assert first["question"] == "Why & how?"
    assert first["answer"] == "By gaps"
    assert (first["reference"], first["points"], first["max_points"]) == ("A gap", "1.50", "2.00")
    assert first["time"] == "2026-04-22T09:25:00Z"
    assert (second["attempt"], second["time"], second["answer"]) == ("2", "2026-04-23T14:10:00Z", "again")
    assert "neither an answer nor a score" in found.aside[0].reason
    assert "no question: Q2" in found.aside[1].reason
    assert [(a.line, a.reason) for a in found.aside[2:]] == [(4, "the attempt is not finished (In progress)")]


def test_moodle_rows_that_name_nobody_are_set_aside(tmp_path: Path) -> None:
    text = "Last name,First name,State,Question 1,Response 1,Grade/10.00\n"
    text += "Abel,Ann,Finished,Why?,a gap,1\nBunce,Bob,In progress,Why?,half,-\nOverall average,,,,,8\n"
    found = read(tmp_path, text)
    assert found.rows == []
    assert [(a.line, a.reason) for a in found.aside] == [
        (2, "no e-mail, username or ID number; add that column in the report and export it again"),
        (3, "the attempt is not finished (In progress)"),
    ]
    text = "First name,Surname,Email address,Quiz: Lab (Percentage)\nAnn,Able,,56.00 %\nBob,B,b@x.org,9 %\n"
    found = read(tmp_path, text)
    assert len(found.rows) == 1
    assert [a.line for a in found.aside] == [2]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("if x < 3 then y > 2", "if x < 3 then y > 2"),
        ("if x <y and y> 2", "if x <y and y> 2"),
        ("<p class='a'>x &lt; 3<br/>and <strong>y</strong> > 2</p><!-- note -->", "x < 3 and y > 2"),
    ],
)
def test_markup_goes_and_inequalities_stay(tmp_path: Path, cell: str, text: str) -> None:
    found = read(tmp_path, f"Email address,Question 1,Response 1\nann@x.org,Why?,{cell}\n")
    assert found.rows[0]["answer"] == text


def test_moodle_gradebook_is_scores_without_text(tmp_path: Path) -> None:
    text = (
        '"First name",Surname,"ID number",Institution,Department,"Email address","Quiz: Circuits (Percentage)",'
        '"Assignment: Lab (Real)","Feedback: Lab","Course total (Real)","Last downloaded from this course"\n'
        "Ann,Able,,HQ,,ann@x.org,56.00 %,-,fine,56.00,1777000000\n"
    )
    found = read(tmp_path, text)
    assert found.kind == "moodle_gradebook"
    assert [(r["student_id"], r["question_id"], r["points"], r["max_points"]) for r in found.rows] == [
        (learner_id("ann@x.org"), "Quiz: Circuits", "56.00", "100")
    ]
    assert [a.reason for a in found.aside] == ["neither an answer nor a score"]
    aside, scores = found.write(tmp_path / "out.csv")
    assert (scores.name, aside.name) == ("out_scores.csv", "out_set_aside.csv")
    assert read_answers(StringTable.open(scores).frame()).y.tolist() == [1]


@pytest.mark.parametrize("mark", [";", "\t"])
def test_what_stands_between_the_cells_and_decimal_commas(tmp_path: Path, mark: str) -> None:
    lines = [
        "student_id,question_id,answer,points,max_points",
        "s1,q1,a|b,1!50,2!0",
        "s2,q1,a gap,nan,2",
        "s3,q1,a,3!5,2",
    ]
    text = "\n".join(lines).replace(",", mark).replace("!", ",").replace("|", "\u2028")
    found = read(tmp_path, text, QUESTIONS)
    assert [(r["answer"], r["points"], r["max_points"]) for r in found.rows] == [("a\u2028b", "1.50", "2.0")]
    assert [a.reason.split(";")[0] for a in found.aside] == ["points are 'nan' of '2'", "3.5 points of 2"]


def test_scores_are_numbers_also_with_a_decimal_comma(tmp_path: Path) -> None:
    found = read(tmp_path, 'student_id,question_id,question,answer,score,time\ns1,q1,Q?,a,"3,5",2026-01-01\n'
                 "s1,q1,Q?,b,much,2026-01-02\ns1,q2,Q?,c,4,2026-01-03\n")  # fmt: skip
    assert [(a.line, a.reason) for a in found.aside] == [(3, "points are 'much' of ''; write numbers, such as 1.5")]
    known = found.table()[["score", "earlier_share"]].to_numpy().tolist()
    assert known == [["3.5", ""], ["4", "0.7000"]]


def test_points_that_are_no_number_are_all_told_before_training() -> None:
    row = {"student_id": "s1", "question_id": "q1", "answer": "a", "max_points": "5", "time": "2026-01-01"}
    table = pd.DataFrame([{**row, "points": p} for p in ("3,5", "2", "much")])
    with pytest.raises(TableError) as caught:
        Grader("points").fit(table)
    assert "row 1, column 'points': text where a number is due" in str(caught.value)
    assert "(found 'much of 5')" in str(caught.value)


def test_nothing_left_to_write_is_told_with_the_reasons(tmp_path: Path) -> None:
    found = read(tmp_path, "student_id,question_id,answer,grade\ns1,q1,,\n")
    with pytest.raises(FileError, match=r"no answer and no score is left to write\n.*\n.*neither an answer nor"):
        found.write(tmp_path / "out.csv")


def test_all_marks_are_written_for_mastery_where_some_have_no_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "student_id,question_id,answer,grade\ns1,q1,a gap,correct\n,q1,no gap,correct\ns2,q1,yes,\n"
    (tmp_path / "a.csv").write_text(rows + "s1,q1,,incorrect\n", encoding="utf-8")
    (tmp_path / "q.csv").write_text(QUESTIONS, encoding="utf-8")
    out, scores = tmp_path / "out.csv", tmp_path / "out_scores.csv"
    command = [str(tmp_path / "a.csv"), str(tmp_path / "q.csv"), "--out", str(out)]
    assert main(command) == 0
    assert f"{out}, {scores}" in capsys.readouterr().out
    assert pd.read_csv(out)["answer"].tolist() == ["a gap", "no gap", "yes"]
    marks = pd.read_csv(scores, dtype=str, keep_default_na=False)
    assert marks[["student_id", "concept", "grade"]].values.tolist() == [
        ["s1", "circuits", "correct"], ["s1", "circuits", "incorrect"],
    ]  # fmt: skip
    assert "answer" not in marks
    (tmp_path / "a.csv").write_text(rows, encoding="utf-8")
    assert main(command) == 0
    assert not scores.exists()


def test_canvas_student_analysis(tmp_path: Path) -> None:
    text = (
        'name,id,sis_id,section,section_id,section_sis_id,submitted,attempt,"101: <p>Why,\nreally?</p>",1.0,'
        '"102: Name it",0.5,n correct,n incorrect,score\n'
        "Ann,11,A1,Sec A,5,,2026-04-25 23:30:00 UTC,2,a gap,1.0,fuse,0.0,1,1,1.0\n"
        "Bob,12,B1,Sec A,5,,2026-04-26 01:00:00 UTC,1,,0.0,wire,0.5,1,1,0.5\n"
    )
    found = read(tmp_path, text)
    assert found.kind == "canvas"
    first, second, third, fourth = found.rows
    assert (first["question"], first["answer"], first["points"], first["max_points"]) == (
        "Why, really?", "a gap", "1.0", "1.0",
    )  # fmt: skip
    assert (first["student_id"], first["attempt"], first["time"]) == ("A1", "2", "2026-04-25T23:30:00Z")
    assert (second["question_id"], second["max_points"]) == ("102", "0.5")
    assert (third["answer"], third["points"], fourth["answer"]) == ("", "0.0", "wire")


def test_attempts_are_counted_in_order_of_time_whatever_the_order_of_rows(tmp_path: Path) -> None:
    rows = "s1,q1,right,2026-03-09\ns1,q1,wrong,2026-03-02\n"  # the newest first
    found = read(tmp_path, f"student_id,question_id,answer,time\n{rows}", QUESTIONS)
    assert [(r["answer"], r["attempt"], r["answer_id"]) for r in found.rows] == [
        ("right", "2", "s1-q1-2"), ("wrong", "1", "s1-q1-1"),
    ]  # fmt: skip


def test_canvas_gradebook(tmp_path: Path) -> None:
    text = (
        "Student,ID,SIS User ID,SIS Login ID,Section,Lab 1 (90201),Essay (90218),Current Score,Final Score\n"
        "    Points Possible,,,,,10.00,20.00,(read only),(read only)\n"
        '"Able, Ann",1,S1,ann,A,8.00,EX,80,70\n'
    )
    found = read(tmp_path, text)
    assert found.kind == "canvas_gradebook"
    assert [(r["student_id"], r["question"], r["points"], r["max_points"]) for r in found.rows] == [
        ("S1", "Lab 1", "8.00", "10.00")
    ]
    assert [r["student_id"] for r in read(tmp_path, text.replace(",1,S1,", ",1,,")).rows] == ["1"]  # as in a quiz
    tried = read(tmp_path, text + '"Student, Test",9,,T9,A,3.00,4,80,70\n')
    assert tried.rows == found.rows
    assert [(a.line, a.reason) for a in tried.aside][-1] == (4, "the course's test student, who is no learner")


PUBLIC = (
    "dataset,question_id,answer_id,student_id,turn,module,stage,split,student_answer,label_2way,licence\n"
    "beetle,q1,a1,s1,7,m1,,train,a gap,correct,x\n"
    "beetle,q1,a2,s1,9,m1,,test-unseen-answers,no gap,incorrect,x\n"
    "beetle,q2,a3,s1,12,m1,,test-unseen-questions,yes,correct,x\n"
    "other,q1,a4,s1,1,m1,,train,yes,incorrect,x\n"
    "beetle,q1,a5,s2,1,m1,excluded_by_authors,train,a gap,correct,x\n"
)
PUBLIC_QUESTIONS = (
    "dataset,question_id,question,reference_answer,all_references\n"
    "beetle,q1,Why?,a gap,BEST: a gap || GOOD: no closed path\nbeetle,q2,What?,yes,\nother,q1,Who?,me,BEST: me\n"
)


def test_public_layout_by_command_with_history_of_training_rows_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_text(PUBLIC, encoding="utf-8")
    (tmp_path / "q.csv").write_text(PUBLIC_QUESTIONS, encoding="utf-8")
    out = tmp_path / "out.csv"
    command = [str(tmp_path / "a.csv"), str(tmp_path / "q.csv"), "--dataset", "beetle", "--out", str(out)]
    assert main([*command, "--unseen", "answers"]) == 0
    table = pd.read_csv(out, dtype=str, keep_default_na=False)
    assert table["reference"].tolist() == ["a gap|no closed path", "a gap|no closed path", "yes"]
    assert table["split"].tolist() == ["train", "test", "test"]
    assert table["part"].tolist() == ["train", "test-unseen-answers", "test-unseen-questions"]
    assert table["earlier_answers"].tolist() == ["", "1", "1"]  # a2's own mark is a test row's: nobody knows it
    assert table["earlier_share"].tolist() == ["", "1.0000", "1.0000"]
    assert set(table["group"]) == {""}
    assert "1 × its authors left it out" in capsys.readouterr().out
    capsys.readouterr()
    assert main([*command, "--unseen", "questions"]) == 0
    again = pd.read_csv(out, dtype=str, keep_default_na=False)
    assert again["answer_id"].tolist() == ["a1", "a3"]  # q1 is in the training rows
    assert again["group"].tolist() == ["q1", "q2"]
    aside = pd.read_csv(tmp_path / "out_set_aside.csv", dtype=str)
    assert aside["content"].str.split(",").str[0].tolist() == ["a5", "a2"]
    reason = "a test row whose question_id is in the training rows too, so not of unseen questions"
    assert aside["reason"].iloc[1].startswith(reason)
    said = capsys.readouterr().out
    assert f"set aside 1 × {reason}" in said
    assert "3 answers, 0 scores" in said
    assert "  2 answers are left\n" in said


TRAIN = "answer_id,student_id,question_id,question,answer,grade,order,module,split\n" + "".join(
    f"t{i},s{i % 3},q{i % 4},Why?,a gap,{'correct' if i % 2 else 'incorrect'},{i},m{i % 2},train\n" for i in range(12)
)
NEW = TRAIN.split("\n")[0] + "".join(
    f"\nn{i},s{i % 4},q{i},Why not?,no gap,correct,{20 + i},m1,test" for i in (0, 1, 2, 3, 5, 6, 7)
)


def prepared(folder: Path, name: str, text: str, *more: str) -> pd.DataFrame:
    (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    assert main([str(folder / f"{name}.csv"), "--out", str(folder / f"{name}_out.csv"), *more]) == 0
    return pd.read_csv(folder / f"{name}_out.csv", dtype=str, keep_default_na=False)


def test_new_answers_alone_know_of_their_learners_what_the_earlier_table_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    together = prepared(tmp_path, "all", TRAIN + NEW.split("\n", 1)[1])
    expected = together[together["split"] == "test"].reset_index(drop=True)
    prepared(tmp_path, "train", TRAIN)
    for table in ("train", "train_out"):  # as it was given, and as this command wrote it
        capsys.readouterr()
        alone = prepared(tmp_path, "new", NEW, "--history", str(tmp_path / f"{table}.csv"))
        pd.testing.assert_frame_equal(alone[expected.columns], expected)
        said = capsys.readouterr().out
        assert "history: 5 of 7 answers have earlier marks of their learner; the earlier table holds 12 marks" in said
        assert "WARNING" not in said
    assert expected["attempt"].tolist() == ["2", "2", "2", "1", "1", "1", "1"]  # a second try is none of a first one


def test_an_answer_in_both_tables_counts_once_and_marks_of_test_rows_never(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = prepared(tmp_path, "train", TRAIN)
    both = prepared(tmp_path, "again", TRAIN, "--history", str(tmp_path / "train.csv"))
    pd.testing.assert_frame_equal(own, both)
    capsys.readouterr()
    (tmp_path / "tested.csv").write_text(TRAIN.replace(",train\n", ",test\n"), encoding="utf-8")
    alone = prepared(tmp_path, "new", NEW, "--history", str(tmp_path / "tested.csv"))
    assert set(alone["earlier_answers"]) == {""}
    said = capsys.readouterr().out
    assert "its 12 rows of split test count for nothing" in said
    assert "the earlier table holds no mark before them" in said


@pytest.mark.parametrize(
    ("new", "train", "why"),
    [
        (NEW, None, "give earlier graded answers of these learners by --history TRAIN.csv"),
        (NEW, TRAIN.replace(",s", ",S-"), "none of their learners is in the earlier table; write student_id alike"),
        (NEW.replace("order", "place"), TRAIN, "no row has a time or an order (turn)"),
    ],
)
def test_no_history_at_all_is_warned_of_with_the_reason(
    new: str, train: str | None, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = []
    if train is not None:
        (tmp_path / "train.csv").write_text(train + "t99,s1,,Why?,a gap,correct,99,m1,train\n", encoding="utf-8")
        more = ["--history", str(tmp_path / "train.csv")]
    prepared(tmp_path, "new", new, *more)
    said = capsys.readouterr().out
    assert "history: 0 of 7 answers have" in said
    assert "WARNING: no answer has a history, though 4 learners are named" in said
    assert why in said
    assert ("set aside 1 × in the earlier table" in said) == bool(more)
    prepared(tmp_path, "new", new.replace("student_id", "who"), *more)
    assert "history:" not in capsys.readouterr().out


def test_a_missing_file_is_a_message_not_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.csv"), "--out", str(tmp_path / "o.csv")]) == 1
    assert "cannot be opened" in capsys.readouterr().err


def test_history_knows_no_later_and_no_equal_moment() -> None:
    rows = [
        {"student_id": "s", "module": "m", "time": "2026-01-0" + day, "grade": grade}
        for day, grade in (("3", "correct"), ("1", "incorrect"), ("2", "partly"), ("2", "correct"))
    ]
    found = with_history(rows)
    assert [r["earlier_answers"] for r in found] == ["3", "", "1", "1"]
    assert [r["earlier_share"] for r in found] == ["0.5000", "", "0.0000", "0.0000"]
    rows[0]["grade"] = "contradictory"
    assert [r["earlier_share"] for r in with_history(rows)] == ["0.5000", "", "0.0000", "0.0000"]


def test_history_orders_moments_not_their_spelling() -> None:
    times = ("2025-01-02T01:00:00Z", "2025-01-01T23:30:00-05:00", "2025-01-02T05:00:00.500Z", "2025-01-02T05:00:00Z")
    rows = [{"student_id": "s", "time": t, "grade": "correct"} for t in times]
    assert [r["earlier_answers"] for r in with_history(rows)] == ["", "1", "3", "2"]
    turns = [{"student_id": "s", "order": n, "grade": "correct"} for n in ("10", "9", "")]
    assert [r["earlier_answers"] for r in with_history(turns)] == ["1", "", ""]


def test_times_that_cannot_be_ordered_are_all_told() -> None:
    rows = [{"student_id": "s", "time": "1.3.2025"}, {"student_id": "s", "order": "last"}, {"time": "2025-03-01"}]
    with pytest.raises(TableError) as error:
        with_history(rows)
    assert [(f.row, f.column) for f in error.value.faults] == [(1, "time"), (2, "order")]
    assert "the time '1.3.2025' is none; write one such as 2026-03-01T10:00:00Z" in str(error.value)


def test_a_test_row_is_one_however_the_word_is_written() -> None:
    rows = [
        {"student_id": "s", "question_id": q, "order": str(n), "grade": "correct", "answer": "a gap", "split": split}
        for n, (q, split) in enumerate((("q1", "training"), ("q1", " Test"), ("q2", "TEST")))
    ]
    assert [r["earlier_answers"] for r in with_history(rows)] == ["", "1", "1"]
    assert Assignments("here", "plain", rows).table("questions")["question_id"].tolist() == ["q1", "q2"]


def test_share_right_of_points_needs_their_maximum() -> None:
    assert share_right({"points": "3"}) is None
    assert share_right({"points": "6", "max_points": "4"}) == 1.0
    assert share_right({"score": "2.5"}) == 0.5

"""Learning records: every kind read, faulty lines set aside with their reason, engagement by hand-computed values."""

from __future__ import annotations

import csv
import json
import math
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigError, FileError
from domains.education import xapi
from domains.education.engagement import activity, rewatch_curve, watch_time, watched
from domains.education.records import Imported, import_records, main
from domains.education.records_types import SetAside, learner_id, read_seconds, read_time

NOW = datetime(2026, 6, 1, tzinfo=UTC)
VIDEO = "https://lectures.example/1"
EXTENSION = "https://w3id.org/xapi/video/extensions/"
VERB = "https://w3id.org/xapi/video/verbs/"
EVENT = ["student_id", "time", "lecture", "verb", "start_s", "end_s", "object", "group", "clicks"]


def statement(verb: str = VERB + "played", **changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "actor": {"account": {"homePage": "https://school.example", "name": "s1"}},
        "verb": {"id": verb},
        "object": {"id": VIDEO, "definition": {"type": xapi.VIDEO}},
        "timestamp": "2026-03-01T10:00:00Z",
    }
    return {k: v for k, v in (plain | changes).items() if v is not None}


def at(**seconds: object) -> dict[str, Any]:
    return {"extensions": {EXTENSION + k.replace("_", "-"): v for k, v in seconds.items()}}


def brought(source: Path, text: str, tmp_path: Path, **options: Any) -> Imported:
    source.write_text(text, encoding="utf-8")
    return import_records([source], tmp_path / "out", now=NOW, **options)


def rows(found: Imported, name: str) -> list[dict[str, str]]:
    file = found.folder / name
    return list(csv.DictReader(file.open(encoding="utf-8"))) if file.is_file() else []


def test_video_statements_become_events_with_their_seconds(tmp_path: Path) -> None:
    made = [
        statement(result=at(time=3.5)),
        statement(VERB + "paused", result=at(time="12.250"), timestamp="2026-03-01T11:00:10+01:00"),
        statement(VERB + "seeked", result=at(time_from=12.25, time_to=2)),
        statement("http://adlnet.gov/expapi/verbs/completed", result=at(time=60) | {"score": {"raw": 7, "max": 10}}),
    ]
    found = brought(tmp_path / "log.jsonl", "\n".join(map(json.dumps, made)), tmp_path)
    events = rows(found, "events.csv")
    assert list(events[0]) == EVENT
    assert [(e["verb"], e["start_s"], e["end_s"]) for e in events] == [
        ("played", "3.5", ""), ("paused", "", "12.25"), ("seeked", "12.25", "2"), ("completed", "", "60"),
    ]  # fmt: skip
    assert events[1]["time"] == "2026-03-01T10:00:10Z"
    assert {e["lecture"] for e in events} == {VIDEO}
    score = rows(found, "scores.csv")[0]
    assert (score["student_id"], score["score"], score["max_score"]) == ("s1", "7", "10")


@pytest.mark.parametrize("form", ["lines", "array", "pretty", "store", "pretty store", "one after the other"])
def test_every_form_of_statements_gives_the_same(form: str, tmp_path: Path) -> None:
    made = [statement(result=at(time=i), id=f"{i}") for i in range(50)]
    text = {
        "lines": "\n".join(map(json.dumps, made)),
        "array": json.dumps(made),
        "pretty": json.dumps(made, indent=2),
        "store": json.dumps({"statements": made, "more": "/next"}),
        "pretty store": json.dumps({"statements": made, "more": "/next"}, indent=2),
        "one after the other": "\n".join(json.dumps(m, indent=2) for m in made),
    }[form]
    found = brought(tmp_path / "log.json", text, tmp_path)
    assert [e["start_s"] for e in rows(found, "events.csv")] == [str(i) for i in range(50)]
    assert "set_aside.csv" not in found.rows


def test_a_single_statement_over_several_lines_is_read(tmp_path: Path) -> None:
    found = brought(tmp_path / "log.json", "\n" + json.dumps(statement(), indent=2) + "\n", tmp_path)
    assert found.rows == {"events.csv": 1}


FAULTY = {
    "no actor": statement(actor=None),
    "nobody can be told by it": statement(actor={"name": "somebody"}),
    "no verb": statement(verb=None),
    "no object": statement(object={"objectType": "Activity"}),
    "no time": statement(timestamp=None),
    "lies in the future (now is 2026-06-01)": statement(timestamp="2026-07-01T00:00:00Z"),
    "the time 'yesterday' is none": statement(timestamp="yesterday"),
    "time is '-4'; seconds are a number from 0": statement(result=at(time=-4)),
    "time is 'NaN'": statement(result=at(time="NaN")),
    "lies outside 0 to 1": statement(result={"score": {"scaled": 1.5}}),
    "the score is no number": statement(result={"score": {"raw": "much", "max": 10}}),
    "the score is no number with its max": statement(result={"score": {"raw": 10**400, "max": 10}}),
    "lies outside 0 to inf": statement(result={"score": {"raw": math.inf, "max": math.inf}}),
    "another statement voids this one": statement(id="gone"),
}


def test_faulty_statements_are_all_set_aside_with_reasons(tmp_path: Path) -> None:
    voiding = statement("http://adlnet.gov/expapi/verbs/voided", object={"objectType": "StatementRef", "id": "gone"})
    made = [*FAULTY.values(), voiding, statement(id="a", result=at(time=1)), statement(id="a"), ["no", "object"]]
    text = "\n".join(map(json.dumps, made)) + '\n{"actor": \n'
    found = brought(tmp_path / "log.jsonl", text, tmp_path)
    aside = rows(found, "set_aside.csv")
    for line, reason in enumerate(FAULTY, 1):
        assert reason in aside[line - 1]["reason"], reason
        assert aside[line - 1]["line"] == str(line)
    assert [a["reason"].split(";")[0].split(" (")[0] for a in aside[len(FAULTY) :]] == [
        "the id 'a' stands twice", "no xAPI statement", "not JSON",
    ]  # fmt: skip
    assert [e["start_s"] for e in rows(found, "events.csv")] == ["1"]


def test_a_cut_array_keeps_what_was_whole(tmp_path: Path) -> None:
    text = json.dumps([statement(result=at(time=i)) for i in range(3)])
    found = brought(tmp_path / "log.json", text[:-20], tmp_path)
    assert len(rows(found, "events.csv")) == 2
    assert "not JSON from here on" in rows(found, "set_aside.csv")[0]["reason"]


def test_a_number_without_end_is_set_aside(tmp_path: Path) -> None:
    long = '{"id": ' + "1" * 5000 + "}"
    lines = brought(tmp_path / "log.jsonl", f"{long}\n{json.dumps(statement())}", tmp_path)
    assert len(rows(lines, "events.csv")) == 1
    assert rows(lines, "set_aside.csv")[0]["reason"] == "holds a number of too many digits"
    array = brought(tmp_path / "log.json", f"[{json.dumps(statement())}, {long}]", tmp_path)
    assert len(rows(array, "events.csv")) == 1
    assert "the rest of the file is not read" in rows(array, "set_aside.csv")[0]["reason"]


def test_a_line_that_is_too_long_is_one_line(tmp_path: Path) -> None:
    text = "\n".join([json.dumps(statement(more="x" * 3_000_000)), "nonsense", json.dumps(statement())])
    found = brought(tmp_path / "log.jsonl", text, tmp_path)
    aside = rows(found, "set_aside.csv")
    assert [(a["line"], a["reason"].split(" (")[0]) for a in aside] == [
        ("1", "longer than 1048576 characters"), ("2", "not JSON"),
    ]  # fmt: skip
    assert len(rows(found, "events.csv")) == 1


def test_half_a_character_is_written_as_its_code(tmp_path: Path) -> None:
    half = [statement(actor={"account": {"name": "\ud800x"}}), statement("\ud800", actor={})]
    found = brought(tmp_path / "log.jsonl", "\n".join(map(json.dumps, half)), tmp_path)
    assert rows(found, "events.csv")[0]["student_id"] == r"\ud800x"
    assert r"\ud800" in rows(found, "set_aside.csv")[0]["content"]


def test_a_fingerprint_in_capitals_is_the_same_learner(tmp_path: Path) -> None:
    both = [
        statement(actor={"mbox_sha1sum": learner_id("ann@x.org").upper()}),
        statement(actor={"mbox": "mailto:ann@x.org"}),
    ]
    found = brought(tmp_path / "s.jsonl", "\n".join(map(json.dumps, both)), tmp_path)
    assert {row["student_id"] for row in rows(found, "events.csv")} == {learner_id("ann@x.org")}


def test_no_mail_address_is_kept(tmp_path: Path) -> None:
    actors = [{"mbox": m, "name": "Ann Ng"} for m in ("mailto:Ann@school.example", "mailto:ann@school.example")]
    actors.append({"account": {"homePage": "https://school.example", "name": "ann@School.example"}})
    faulty = [statement("broken", actor=a, id=f"no time {i}", timestamp=None) for i, a in enumerate(actors)]
    cut = [json.dumps(statement(actor=a))[:-5] for a in actors]
    made = [*map(json.dumps, [*(statement(actor=a) for a in actors), *faulty]), *cut]
    found = brought(tmp_path / "log.jsonl", "\n".join(made), tmp_path)
    students = {e["student_id"] for e in rows(found, "events.csv")}
    assert len(students) == 1
    assert students == {learner_id("ann@school.example")}
    assert [a["content"] for a in rows(found, "set_aside.csv")] == [f"no time {i} broken" for i in range(3)] + [""] * 3
    kept = "".join(f.read_text(encoding="utf-8") for f in found.folder.iterdir()).lower()
    assert "ann" not in kept
    assert "@" not in kept


def test_every_source_calls_a_mail_address_alike(tmp_path: Path) -> None:
    texts = {
        "log": LOG + "Ann@x.org,2026-03-01,play,v1,0,,\n",
        "scores": "student_id,assessment,time,score,max_score\nann@x.org,q,2026-03-01,1,2\n",
        "enrolments": "student_id,group\nann@x.org,g\n",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    found = import_records([tmp_path / f"{name}.csv" for name in texts], tmp_path / "out", now=NOW)
    students = {r["student_id"] for name in found.rows for r in rows(found, name)}
    assert students == {learner_id("ann@x.org")}


KEYS = ["actor", "verb", "id", "object", "account", "name", "result", "extensions", "score", "raw", "timestamp"]
LEAF = st.none() | st.booleans() | st.floats() | st.text(max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.recursive(LEAF, lambda c: st.lists(c, max_size=3) | st.dictionaries(st.sampled_from(KEYS), c), max_leaves=8))
def test_any_json_is_an_event_or_set_aside(value: Any) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "x.jsonl"
        file.write_text(json.dumps(value) + "\n", encoding="utf-8")
        for record in xapi.read(file, NOW):
            assert isinstance(record, SetAside) or record.student_id


LOG = "user_id,timestamp,action,video,start,end,object\n"


def test_an_activity_log_by_the_names_of_its_platform(tmp_path: Path) -> None:
    text = (
        LOG + "s1,1772359200,play,v1,0,,\ns2,2026-03-01,viewed,,,,page 3\n,2026-03-01,play,v1,0,,\n"
        "s1,2026-03-01,play,v1,9,3,\ns1,2027-01-01,play,v1,0,,\ns1,2026-03-01,play,v1,x,,\ns1,2026-03-01,play\n"
    )
    found = brought(tmp_path / "log.csv", text, tmp_path)
    assert [(e["student_id"], e["time"], e["verb"]) for e in rows(found, "events.csv")] == [
        ("s1", "2026-03-01T10:00:00Z", "played"), ("s2", "2026-03-01T00:00:00Z", "opened"),
    ]  # fmt: skip
    reasons = [a["reason"] for a in rows(found, "set_aside.csv")]
    assert reasons[0] == "no learner"
    assert "end_s 3 lies before start_s 9" in reasons[1]
    assert "lies in the future" in reasons[2]
    assert "start_s is 'x'" in reasons[3]
    assert reasons[4] == "3 cells where the header has 7; check commas and quotes"
    assert "set_aside.csv: 5 rows" in found.text().replace(str(found.folder) + "/", "")


@pytest.mark.parametrize("mark", [";", "\t"])
def test_what_stands_between_the_cells_is_told_by_the_header(tmp_path: Path, mark: str) -> None:
    texts = {"log": LOG + "s1,2026-03-01,play,v1,2!5,,\n", "scores": "student_id,assessment,time,score,max_score\n"}
    texts["scores"] += "s1,q,2026-03-01,1!5,2\n"
    for name, text in texts.items():
        (tmp_path / f"{name}.csv").write_text(text.replace(",", mark).replace("!", ","), encoding="utf-8")
    found = import_records([tmp_path / "log.csv", tmp_path / "scores.csv"], tmp_path / "out", now=NOW)
    assert [e["start_s"] for e in rows(found, "events.csv")] == ["2.5"]
    assert [s["score"] for s in rows(found, "scores.csv")] == ["1.5"]


def test_a_click_table_is_dated_from_the_start_of_its_course(tmp_path: Path) -> None:
    text = (
        "code_module,code_presentation,id_student,id_site,date,sum_click\n"
        "AAA,2013J,7,546,-2,4\nAAA,2014B,7,546,0,1\nAAA,2013X,7,546,0,1\nAAA,2013J,7,546,1,-1\n"
        "AAA,2013J,7,546,1e12,1\nAAA,9999J,7,546,300,1\n"
    )
    found = brought(tmp_path / "clicks.csv", text, tmp_path)
    assert [(e["time"], e["group"], e["clicks"]) for e in rows(found, "events.csv")] == [
        ("2013-09-29T00:00:00Z", "AAA_2013J", "4"), ("2014-02-01T00:00:00Z", "AAA_2014B", "1"),
    ]  # fmt: skip
    first, second, *outside = (a["reason"] for a in rows(found, "set_aside.csv"))
    assert "the presentation '2013X' is none" in first
    assert "the count '-1' is none" in second
    assert outside == [f"the day '{day}' lies outside the calendar" for day in ("1e12", "300")]


def test_a_learner_in_two_groups_is_set_aside_by_course(tmp_path: Path) -> None:
    text = "student_id,group,course\ns1,A,maths\ns1,B,maths\ns1,C,physics\ns2,B,maths\ns1,A,maths\n"
    found = brought(tmp_path / "enrolments.csv", text, tmp_path)
    assert len(rows(found, "enrolments.csv")) == 4
    aside = rows(found, "set_aside.csv")
    assert [a["line"] for a in aside] == ["3"]
    assert aside[0]["reason"] == "the learner 's1' is in two groups of 'maths': 'A' and here 'B'; keep one"


ROSTER = {
    "manifest.csv": "propertyName,value\noneroster.version,1.2\n",
    "classes.csv": "sourcedId,status,dateLastModified,title,courseSourcedId\nk1,active,,Maths,m\nk2,active,,More,m\n",
    "enrollments.csv": "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,"
    "beginDate,endDate\ne1,active,,k1,o,u1,student,,2026-01-01,2099-01-01\ne2,active,,k2,o,u1,student,,,\n"
    "e3,active,,k1,o,t1,teacher,,,\n",
    "lineItems.csv": "sourcedId,status,dateLastModified,title,classSourcedId,resultValueMin,resultValueMax\n"
    "q1,active,,Quiz,k1,0,20\n",
    "results.csv": "sourcedId,status,dateLastModified,lineItemSourcedId,studentSourcedId,scoreStatus,score,scoreDate,"
    "comment\nr1,active,,q1,u1,fully graded,17,2026-02-01,\nr2,active,,q1,u1,exempt,,2026-02-01,\n"
    "r3,active,,q9,u1,fully graded,1,2026-02-01,\nr4,tobedeleted,,q1,u1,fully graded,1,2026-02-01,\n"
    "r5,active,,q1,u1,fully graded,21,2026-02-01,\nr6,active,,q1,u1,graded,2,2026-02-01,\n"
    "r7,active,,q1,u1,fully graded,2,2026-12-01,\n",
}  # fmt: skip


@pytest.mark.parametrize("packed", [False, True])
def test_oneroster_results_and_enrolments(packed: bool, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    for name, text in ROSTER.items():
        (folder / name).write_text(text, encoding="utf-8")
    source = folder
    if packed:
        source = tmp_path / "export.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for name in ROSTER:
                archive.write(folder / name, name)
    found = import_records([source], tmp_path / "out", now=NOW)
    assert [tuple(r.values()) for r in rows(found, "scores.csv")] == [
        ("u1", "2026-02-01T00:00:00Z", "q1", "17", "20", "k1")
    ]
    assert [(r["student_id"], r["group"], r["course"], r["left"]) for r in rows(found, "enrolments.csv")] == [
        ("u1", "k1", "m", "")
    ]
    reasons = " ".join(a["reason"] for a in rows(found, "set_aside.csv"))
    for part in ("two groups of 'm'", "'q9' is not in lineItems.csv", "tobedeleted", "score 21 lies outside 0 to 20",
                 "scoreStatus 'graded' is none of", "lies in the future"):  # fmt: skip
        assert part in reasons


def test_a_score_of_nothing_is_no_score(tmp_path: Path) -> None:
    of_nothing = statement("http://adlnet.gov/expapi/verbs/completed", result={"score": {"raw": 0, "max": 0}})
    found = brought(tmp_path / "log.jsonl", json.dumps(of_nothing) + "\n", tmp_path)
    assert dict(found.rows) == {"events.csv": 1}
    folder = tmp_path / "export"
    folder.mkdir()
    for name, text in ROSTER.items():
        (folder / name).write_text(text.replace("k1,0,20", "k1,0,0").replace(",17,", ",0,"), encoding="utf-8")
    found = import_records([folder], tmp_path / "roster", now=NOW)
    assert "scores.csv" not in found.rows
    reasons = [a["reason"] for a in rows(found, "set_aside.csv")]
    assert any("goes from 0 to 0, so no score is a share of it" in r for r in reasons)


def test_what_cannot_be_read_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be opened"):
        import_records([tmp_path / "none.csv"], tmp_path / "out", now=NOW)
    (tmp_path / "latin.csv").write_bytes(LOG.encode() + "sé,2026-03-01,play,v,0,,\n".encode("latin-1"))
    with pytest.raises(FileError, match="not UTF-8"):
        import_records([tmp_path / "latin.csv"], tmp_path / "out", now=NOW)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(FileError, match="unknown kind; say how it is to be read: log, clicks"):
        import_records([tmp_path / "other.csv"], tmp_path / "out", now=NOW)
    with pytest.raises(FileError, match="no column for student_id"):
        import_records([tmp_path / "other.csv"], tmp_path / "out", kind="log", now=NOW)
    with pytest.raises(FileError, match="no column 'code_module'; a table of clicks has code_module, code_pres"):
        import_records([tmp_path / "other.csv"], tmp_path / "out", kind="clicks", now=NOW)
    (tmp_path / "capitals.csv").write_text("Code_Module,Code_Presentation,ID_student,Date,Sum_click\nA,2013J,1,3,4\n")
    with pytest.raises(FileError, match="no column 'code_module'"):
        import_records([tmp_path / "capitals.csv"], tmp_path / "out", now=NOW)
    with pytest.raises(ConfigError, match="Did you mean 'clicks'"):
        import_records([], tmp_path / "out", kind="click", now=NOW)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileError, match=r"neither results\.csv nor enrollments\.csv"):
        import_records([tmp_path / "empty"], tmp_path / "out", now=NOW)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(FileError, match=r"holds 'thesis\.txt', which no import made"):
        brought(tmp_path / "log.csv", LOG, tmp_path)
    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log.csv").write_text(LOG + "s1,2026-03-01,play,v1,0,,\n", encoding="utf-8")
    main([str(tmp_path / "log.csv"), "--out", str(tmp_path / "out")])
    assert "read as log" in capsys.readouterr().out
    with pytest.raises(SystemExit, match=r"error: .*cannot be opened"):
        main([str(tmp_path / "none.csv"), "--out", str(tmp_path / "out")])


def test_times_and_seconds_by_value() -> None:
    assert read_time("2026-03-01 10:00:00.250", NOW) == "2026-03-01T10:00:00.250Z"
    assert read_time("1761122011030", NOW) == "2025-10-22T08:33:31.030Z"  # milliseconds since 1970
    assert [read_seconds(v, "time") for v in (None, "", 0, "2.5004", 7.0)] == ["", "", "0", "2.5", "7"]
    with pytest.raises(ValueError, match="seconds are a number from 0"):
        read_seconds(True, "time")


def events(*made: tuple[str, int, str, str, str]) -> pd.DataFrame:
    """(student, second of the clock, verb, start_s, end_s) on one lecture."""
    found = [
        (s, f"2026-03-01T10:{t // 60:02d}:{t % 60:02d}Z", "v", verb, a, b, "", "", "1") for s, t, verb, a, b in made
    ]
    return pd.DataFrame(found, columns=EVENT)


def stretches(table: pd.DataFrame) -> list[tuple[float, float]]:
    return list(watched(table)[["start_s", "end_s"]].itertuples(index=False, name=None))


def test_stretches_end_at_pause_jump_and_end() -> None:
    table = events(
        ("s1", 0, "played", "0", ""), ("s1", 30, "seeked", "30", "10"), ("s1", 50, "paused", "", "30"),
        ("s1", 60, "seeked", "30", "50"), ("s1", 61, "played", "50", ""), ("s1", 71, "completed", "", "60"),
    )  # fmt: skip
    assert stretches(table) == [(0, 30), (10, 30), (50, 60)]
    time = watch_time(watched(table)).iloc[0]
    assert (time["played_s"], time["seen_s"], time["again_s"]) == (60, 40, 20)


def test_what_was_not_recorded_is_not_invented() -> None:
    assert stretches(events(("s1", 0, "played", "0", ""))) == []
    assert stretches(events(("s1", 0, "played", "0", ""), ("s1", 10, "paused", "", "3000"))) == [(0, 40)]
    assert stretches(events(("s1", 0, "paused", "", "9"), ("s1", 5, "completed", "", "9"))) == []
    assert stretches(events(("s1", 0, "played", "5", "25"))) == [(5, 25)]
    assert stretches(events(("s1", 0, "played", "5", ""), ("s1", 8, "paused", "", ""))) == [(5, 13)]
    closed, day = events(("s1", 0, "played", "0", ""), ("s1", 50, "played", "0", "")), "2026-03-02T10:00:00Z"
    assert stretches(closed.assign(time=[closed["time"][0], day])) == []  # nor where it is opened again the next day
    assert stretches(closed.assign(time=[closed["time"][0], day], start_s=["0", "40"])) == [(0, 40)]  # where it stopped


def test_events_within_one_second_stand_in_their_order() -> None:
    table = events(("s1", 0, "played", "0", ""), ("s1", 5, "seeked", "5", "60"), ("s1", 5, "paused", "", "60.4"))
    assert stretches(
        table.assign(time=table["time"].str.replace("05Z", "05.400Z").where(table.index == 2, table["time"]))
    ) == [(0, 5), (60, 60.4)]


def test_the_curve_counts_viewers_and_those_who_came_back() -> None:
    table = events(
        ("s1", 0, "played", "0", "20"), ("s1", 30, "played", "10", "20"), ("s2", 0, "played", "0", "12"),
        ("s3", 0, "played", "10", "20"), ("s3", 20, "played", "12", "13"),
    )  # fmt: skip
    curve = rewatch_curve(watched(table), "v", 20, step=10)
    assert curve["viewers"].tolist() == [2, 2]
    assert curve["again"].tolist() == [0, 1]
    assert curve["share_again"].tolist() == [0, 0.5]
    assert rewatch_curve(watched(table), "other", 20)["viewers"].sum() == 0


def test_activity_by_week() -> None:
    table = events(("s1", 0, "opened", "", ""), ("s1", 60, "opened", "", ""), ("s2", 0, "opened", "", ""))
    table.loc[2, "clicks"] = "5"
    found = activity(table, "2026-02-20")
    assert found.to_numpy().tolist() == [["s1", 1, 2, 1], ["s2", 1, 5, 1]]

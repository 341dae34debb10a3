"""Early warning: what is known on a day, that the future changes nothing, whom to call and why."""

from __future__ import annotations

import dataclasses
import io
import os
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigError, FileError, TableError
from core.explanation.explain import explain
from core.numbers import number_or_none
from core.predict import as_row
from domains.education import risk_recipe
from domains.education.risk import EarlyWarning, by_time, main, on_day, read_tables
from domains.education.risk_features import RiskTables, snapshot, snapshots
from domains.education.risk_report import at_capacity, by_group, calibration_error

DAYS = (0, 21, 45)


def day(start: str, n: float) -> str:
    return (pd.Timestamp(start) + pd.Timedelta(days=n)).date().isoformat()


def frames(learners: int = 70, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Two presentations of a course; those at risk hand in less, later and with lower marks, and click less."""
    rng = np.random.default_rng(seed)
    enrolments, work, scores, events = [], [], [], []
    for group, start in (("A_1", "2025-02-01"), ("A_2", "2025-10-01")):
        work += [(group, f"w{i}", "TMA", day(start, 20 * i), "25") for i in (1, 2, 3)]
        for i in range(learners):
            student, risk = f"{group}-{i}", int(rng.random() < 0.4)
            left = day(start, int(rng.integers(30, 100))) if risk and rng.random() < 0.3 else ""
            gender = "f" if rng.random() < 0.5 else "m"
            clicks = str(rng.poisson(30 - 12 * risk))
            enrolments.append(
                (f"e-{student}", student, group, "A", start, day(start, -9), left, str(risk), gender, clicks)
            )
            for w in (1, 2, 3):
                if rng.random() < 0.9 - 0.5 * risk:
                    handed, mark = day(start, 20 * w - 3 + 6 * risk), str(int(rng.integers(55, 100) - 25 * risk))
                    scores.append((student, group, f"w{w}", handed, mark, "100"))
            for d in rng.integers(0, 60, 8 - 4 * risk):
                events.append((student, group, day(start, int(d)) + "T12:00:00Z", str(rng.integers(1, 9))))
    names = [
        "enrolment_id",
        "student_id",
        "group",
        "course",
        "start",
        "registered",
        "left",
        "at_risk",
        "gender",
        "clicks_before",
    ]
    return {
        "enrolments": pd.DataFrame(enrolments, columns=names),
        "work": pd.DataFrame(work, columns=["group", "assessment", "kind", "due", "weight"]),
        "scores": pd.DataFrame(scores, columns=["student_id", "group", "assessment", "time", "score", "max_score"]),
        "events": pd.DataFrame(events, columns=["student_id", "group", "time", "clicks"]),
    }  # fmt: skip


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return by_time(snapshots(RiskTables.of(**frames()), DAYS))


@pytest.fixture(scope="module")
def model(table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> EarlyWarning:
    config = risk_recipe.build(list(table.columns), preset="fast")
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, epochs=6), floor=False)
    return EarlyWarning(config=config).fit(table, out=tmp_path_factory.mktemp("risk") / "run")


def one(**changes: pd.DataFrame) -> RiskTables:
    """A learner with two pieces of work handed in and three visits, by hand."""
    plain = {
        "enrolments": pd.DataFrame(
            [("e", "s", "g", "A", "2025-02-01", "2025-01-20", "", "1"),
             ("o", "t", "g", "A", "2025-02-01", "", "", "0")],
            columns=["enrolment_id", "student_id", "group", "course", "start", "registered", "left", "at_risk"],
        ),
        "work": pd.DataFrame(
            [("g", "a", "TMA", "2025-02-11", "10"), ("g", "b", "TMA", "2025-02-21", "30"),
             ("g", "c", "Exam", "", "60")],
            columns=["group", "assessment", "kind", "due", "weight"],
        ),
        "scores": pd.DataFrame(
            [("s", "g", "a", "2025-02-09", "8", "10"), ("s", "g", "b", "2025-02-24", "60", "100")],
            columns=["student_id", "group", "assessment", "time", "score", "max_score"],
        ),
        "events": pd.DataFrame(
            [("s", "g", "2025-02-02T10:00:00Z", "3"), ("s", "g", "2025-02-02T11:00:00Z", "2"),
             ("s", "g", "2025-02-20", "1")],
            columns=["student_id", "group", "time", "clicks"],
        ),
    }  # fmt: skip
    return RiskTables.of(**(plain | changes))


def test_what_is_known_on_a_day_by_hand() -> None:
    first, second = snapshot(one(), 10).iloc[0], snapshot(one(), 25).iloc[0]
    assert (first["case_id"], first["registered_day"], first["due"], first["due_weight"]) == ("e@10", -12, 1, 10)
    assert (first["handed_in"], first["missed"], first["mean_percent"], first["mean_lead_days"]) == (1, 0, 80, 2)
    assert (first["clicks_so_far"], first["clicks_7_days"], first["active_days"], first["days_since_active"]) == (
        5,
        0,
        1,
        9,
    )
    assert (second["due"], second["handed_in"], second["late"], second["least_lead_days"]) == (2, 2, 1, -3)
    assert second["weighted_percent"] == pytest.approx((10 * 80 + 30 * 60) / 40)
    assert second["earned_share"] == pytest.approx((0.1 * 80 + 0.3 * 60) / 40)
    other = snapshot(one(), 25).iloc[1]
    assert (other["handed_in"], other["missed"], other["missed_weight"], other["clicks_so_far"]) == (0, 2, 40, 0)
    assert np.isnan(other["mean_percent"])


def test_of_several_attempts_at_one_piece_of_work_the_latest_known_counts_alone() -> None:
    attempts = [
        ("s", "g", "a", "2025-02-09T18:00:00Z", "9", "10"), ("s", "g", "a", "2025-02-09T08:00:00Z", "2", "10"),
        ("s", "g", "a", "2025-02-08", "1", "10"), ("s", "g", "a", "2025-02-14", "5", "10"),
    ]  # fmt: skip
    tables = one(scores=pd.DataFrame(attempts, columns=one().scores.columns[:6]))
    early, last = snapshot(tables, 10).iloc[0], snapshot(tables, 25).iloc[0]
    assert (early["handed_in"], early["mean_percent"], early["late"], early["missed"]) == (1, 90, 0, 0)
    assert (last["handed_in"], last["mean_percent"], last["late"]) == (1, 50, 1)
    assert (last["missed"], last["missed_weight"], last["early"]) == (1, 30, 0)


def test_whoever_has_left_or_not_come_yet_is_not_there() -> None:
    enrolments = frames(1)["enrolments"].iloc[[0]]
    enrolments = pd.concat([enrolments.assign(enrolment_id=str(i), student_id=str(i)) for i in range(3)])
    enrolments["registered"], enrolments["left"] = ["2025-01-01", "2025-02-11", ""], ["", "", "2025-02-06"]
    empty = {name: f.iloc[:0] for name, f in frames(1).items() if name != "enrolments"}
    tables = RiskTables.of(enrolments, **empty)
    assert [snapshot(tables, d)["enrolment_id"].tolist() for d in (4, 5, 10)] == [["0", "2"], ["0"], ["0", "1"]]
    assert "clicks_so_far" not in snapshot(tables, 4)


def later(made: dict[str, pd.DataFrame], after: int, rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """The same records with everything after a day changed, taken out or made up."""
    start = made["enrolments"].set_index("group")["start"].to_dict()
    changed = {name: f.copy() for name, f in made.items()}
    for name, column in (("scores", "time"), ("events", "time"), ("enrolments", "left")):
        own = changed[name]
        since = (pd.to_datetime(own[column].replace("", None), utc=True, format="ISO8601")
                 - pd.to_datetime(own["group"].map(start), utc=True)).dt.days  # fmt: skip
        future = (since > after).to_numpy()
        if name == "enrolments":
            own.loc[future, "left"] = ""
            own["at_risk"] = rng.permutation(own["at_risk"].to_numpy())
        else:
            own.loc[future, "score" if name == "scores" else "clicks"] = "1"
            changed[name] = own[~(future & (rng.random(len(own)) < 0.5))]
    extra = (
        changed["scores"].head(5).assign(time=[day(start[g], after + 1) for g in changed["scores"]["group"].head(5)])
    )
    return changed | {"scores": pd.concat([changed["scores"], extra.assign(score="0")])}


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 60), st.integers(0, 99))
def test_the_future_changes_nothing_that_is_known(after: int, seed: int) -> None:
    made = frames(12)
    before = snapshot(RiskTables.of(**made), after)
    changed = snapshot(RiskTables.of(**later(made, after, np.random.default_rng(seed))), after)
    pd.testing.assert_frame_equal(before.drop(columns="at_risk"), changed.drop(columns="at_risk"))


def test_the_future_changes_no_prediction(model: EarlyWarning) -> None:
    made = frames()
    for after in DAYS:
        changed = later(made, after, np.random.default_rng(1))
        rows = [snapshot(RiskTables.of(**m), after) for m in (made, changed)]
        np.testing.assert_array_equal(model.risks(rows[0]), model.risks(rows[1]))
        assert (rows[0]["at_risk"] != rows[1]["at_risk"]).any()


def test_what_tells_the_outcome_is_no_input(table: pd.DataFrame) -> None:
    config = risk_recipe.build([*table.columns, "total_clicks_whole_course", "final_result"])
    used = {c for m in config.modalities for c in m.columns}
    assert not used & {"at_risk", "left", "enrolment_id", "student_id", "total_clicks_whole_course", "final_result"}
    with pytest.raises(ConfigError, match="'left_day' is missing, names a row or tells the outcome"):
        risk_recipe.build(list(table.columns), numbers=["left_day"])
    assert "demographics" not in {m.name for m in risk_recipe.build(list(table.columns), demographics=False).modalities}
    with pytest.raises(ConfigError, match="no column 'at_risk'"):
        risk_recipe.build(["day"])


def test_the_split_is_by_time(table: pd.DataFrame) -> None:
    assert set(table.loc[table["split"] == "test", "group"]) == {"A_2"}
    assert set(table.loc[table["split"] == "train", "group"]) == {"A_1"}
    with pytest.raises(ConfigError, match="all groups start on 2025-02-01"):
        by_time(table[table["group"] == "A_1"])


def test_groups_stand_in_order_of_dates_however_they_are_written() -> None:
    starts = ["20240201", "2024-10-01", "2024-10-01T00:00:00Z"]  # the first text sorts last
    rows = pd.DataFrame({"group": ["a", "b", "c"], "start": starts})
    assert by_time(rows)["split"].tolist() == ["train", "test", "test"]
    with pytest.raises(ConfigError, match=r"start: the time '01/02/2025' is none; write one such as"):
        by_time(rows.assign(start="01/02/2025"))


def test_the_model_learns_what_was_planted(model: EarlyWarning, table: pd.DataFrame) -> None:
    assert model.bundle.facts["test"]["auroc"] > 0.75


def test_whom_to_call_and_why(model: EarlyWarning, table: pd.DataFrame) -> None:
    rows = table[(table["split"] == "test") & (table["day"] == 45)]
    found = model.warn(rows, 5)
    assert len(found) == 5
    assert found["risk"].is_monotonic_decreasing
    assert found["risk"].iloc[0] == pytest.approx(model.risks(rows).max(), abs=1e-4)
    case = rows.set_index("case_id").loc[found["case_id"].iloc[0]]
    told = model.strongest({c: case[c] for m in model.bundle.config.modalities for c in m.columns})
    assert len(told) == 3
    assert abs(told[0][2]) >= abs(told[1][2]) >= abs(told[2][2])
    row = as_row(
        {c: case[c] for m in model.bundle.config.modalities for c in m.columns}, model.bundle.config.modalities
    )
    weighed = {p.name: p.share for m in row.values for p in explain(model.predictor, row, m, label="1").parts}
    assert told[0][2] == pytest.approx(max(weighed.values(), key=abs))
    assert weighed[told[1][0]] == pytest.approx(told[1][2])
    name, value = found["strongest"].iloc[0].split(" (")[0].split(" = ")
    assert name == told[0][0]
    assert (number_or_none(value) or value) == (number_or_none(str(told[0][1])) or told[0][1])  # 2 for 2.0
    with pytest.raises(ConfigError, match="at least 1, found 0"):
        model.warn(rows, 0)


def test_each_enrolment_is_called_once_by_its_latest_day(model: EarlyWarning, table: pd.DataFrame) -> None:
    rows = table[table["split"] == "test"].sample(frac=1, random_state=0)
    found = model.warn(rows, len(rows), explain=False)
    assert sorted(found["enrolment_id"]) == sorted(rows["enrolment_id"].unique())
    latest = rows.groupby("enrolment_id")["day"].max()
    assert (found["day"].astype(int) == found["enrolment_id"].map(latest)).all()
    assert found["risk"].is_monotonic_decreasing
    early = model.warn(rows, len(rows), day=21, explain=False)
    assert sorted(early["case_id"]) == sorted(rows.loc[rows["day"] == 21, "case_id"])
    with pytest.raises(ConfigError, match="no row is of day 30; the days of the table are 0, 21, 45"):
        model.warn(rows, 5, day=30)
    bare = rows.drop(columns=["enrolment_id", "case_id"])  # nothing tells whose rows they are
    assert len(on_day(bare)) == len(bare)


def test_shares_add_up_to_the_distance_from_the_base_rate(model: EarlyWarning, table: pd.DataFrame) -> None:
    found = model.warn(table[(table["split"] == "test") & (table["day"] == 45)], 3)
    total = found[[c for c in found if c.startswith("share_")]].sum(axis=1)
    base = model.bundle.ensemble.target.nothing[1]
    expected = np.log(found["risk"] / (1 - found["risk"])) - np.log(base / (1 - base))
    assert total.to_numpy() == pytest.approx(expected.to_numpy(), abs=0.02)


def test_faults_of_the_tables_come_all_at_once() -> None:
    made = frames(2)
    made["enrolments"].loc[1, ["enrolment_id", "start", "at_risk"]] = ["e-A_1-0", "soon", "maybe"]
    made["work"].loc[0, "weight"] = "-1"
    made["scores"] = pd.DataFrame([("s", "none", "w1", "2025-02-09", "11", "10")], columns=made["scores"].columns)
    with pytest.raises(TableError) as error:
        RiskTables.of(**made)
    for part in ("the same enrolment twice", "no date; write one", "at_risk is 0, 1 or blank", "no number from 0",
                 "no enrolment is in this group (found 'none')", "more than max_score", "another start"):  # fmt: skip
        assert part in str(error.value)
    with pytest.raises(TableError, match=r"enrolments\.group.*no such column"):
        RiskTables.of(**(frames(2) | {"enrolments": frames(2)["enrolments"].drop(columns="group")}))


def test_precision_and_recall_at_capacity_by_hand() -> None:
    y, risk = np.array([1, 0, 1, 0, 1]), np.array([0.9, 0.8, 0.7, 0.2, 0.1])
    found = at_capacity(y, risk, [1, 3, 9]).set_index("capacity")
    assert found["precision"].tolist() == pytest.approx([1, 2 / 3, 3 / 5])
    assert found["recall"].tolist() == pytest.approx([1 / 3, 2 / 3, 1])
    assert (found["precision_low"] <= found["precision"]).all()
    assert calibration_error(np.array([1, 0, 0, 0]), np.full(4, 0.5)) == pytest.approx(0.25)


def test_small_groups_are_counted_and_not_shown() -> None:
    y, risk = np.tile([1, 0], 22), np.tile([0.8, 0.3], 22)
    named = pd.DataFrame({"gender": ["d"] * 3 + ["f"] * 38 + ["x"] * 3})
    found = by_group(named, "gender", y, risk, risk > 0.5).set_index("group")
    assert found["learners"].to_dict() == {"d": 3, "f": 38, "x": 3}
    assert found.loc["f", ["at_risk", "auc", "recall"]].tolist() == [0.5, 1, 1]
    assert found.loc["f", "gap"] == pytest.approx(0.05)
    assert found.loc[["d", "x"]].drop(columns="learners").isna().all(axis=None)
    one = named.assign(gender=["f"] * 20 + ["m"] * 20 + ["x"] * 4)  # all less f and m would tell of x
    found = by_group(one, "gender", y, risk, risk > 0.5).set_index("group")
    assert found["at_risk"].notna().to_dict() == {"f": False, "m": True, "x": False}


def test_the_command_line_from_folder_to_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, frame in frames(30).items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False, sep=";" if name == "scores" else ",")
    main(["table", str(tmp_path), str(tmp_path / "risk.csv"), "--day", "30"])
    asked = ["train", str(tmp_path / "risk.csv"), "--out", str(tmp_path / "run"), "--preset", "fast"]
    main(asked)
    card = (tmp_path / "run" / "bundle" / "card.md").read_text(encoding="utf-8")
    assert f"## Made by\n`{shlex.join(['python', '-m', 'domains.education.risk', *asked])}` on " in card
    main(["warn", str(tmp_path / "run" / "bundle"), str(tmp_path / "risk.csv"), "--capacity", "4"])
    assert len(capsys.readouterr().out.strip().split("case_id")[1].splitlines()) == 5
    main(["table", str(tmp_path), str(tmp_path / "days.csv"), "--day", "0", "30", "60"])
    for more, days in (([], {"0", "30", "60"}), (["--day", "30"], {"30"})):
        capsys.readouterr()
        main(["warn", str(tmp_path / "run" / "bundle"), str(tmp_path / "days.csv"), "--capacity", "9", *more])
        said = capsys.readouterr()
        listed = pd.read_csv(io.StringIO(said.out), dtype=str)
        assert ("have no row of the latest day" in said.err) == (not more and (listed["day"] != "60").any())
        assert len(listed) == listed["enrolment_id"].nunique() == 9
        assert set(listed["day"]) <= days
    main(["table", str(tmp_path), str(tmp_path / "later.csv"), "--day", "30", "--start", "2025-10-01"])
    later = EarlyWarning.load(tmp_path / "run" / "bundle").evaluate(tmp_path / "later.csv")  # it names no split
    assert later.cases == len(pd.read_csv(tmp_path / "later.csv"))
    assert "auroc" in later.metrics
    with pytest.raises(SystemExit, match=r"error: .*early warning needs enrolments\.csv"):
        main(["table", str(tmp_path / "nowhere"), str(tmp_path / "x.csv")])
    with pytest.raises(FileError):
        read_tables(tmp_path / "nowhere")


def test_days_beyond_the_records_of_a_group_are_told_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = frames(20)
    begun = (tables["events"]["group"] == "A_1") | (tables["events"]["time"] < "2025-10-10")
    tables["events"] = tables["events"][begun]
    tables["scores"] = tables["scores"][tables["scores"]["group"] == "A_1"]
    for name, frame in tables.items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    main(["table", str(tmp_path), str(tmp_path / "risk.csv"), "--day", "0", "7", "30"])
    said = capsys.readouterr().err
    assert (
        "note: the records of A_2 end before day 30: its 20 rows of that day would tell all work due since as missed"
        in said
    )
    rows = pd.read_csv(tmp_path / "risk.csv")
    assert rows.groupby("group")["day"].unique().map(list).to_dict() == {"A_1": [0, 7, 30], "A_2": [0, 7]}


def test_the_command_line_tells_faults_in_words(tmp_path: Path) -> None:
    for name, frame in frames(2).items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    with pytest.raises(SystemExit, match=r"error: .*non-existent directory.*nodir"):
        main(["table", str(tmp_path), str(tmp_path / "nodir" / "out.csv"), "--day", "30"])
    made = ["table", str(tmp_path), str(tmp_path / "out.csv"), "--day", "30", "--start"]
    with pytest.raises(SystemExit, match=r"error: start: the time '01/10/2025' is none; write one such as 2026-03-01"):
        main([*made, "01/10/2025"])
    with pytest.raises(SystemExit, match="error: --start: no group starts on or after 2031-01-01"):
        main([*made, "2031-01-01"])
    (tmp_path / "answers.csv").write_text("student_id,grade\ns1,correct\n", encoding="utf-8")
    command = ["train", str(tmp_path / "answers.csv"), "--out", str(tmp_path / "run")]
    with pytest.raises(SystemExit, match=r"(?s)2 faults.*'at_risk': no such column; `python -m .*risk table`.*'start'"):
        main(command)
    with pytest.raises(SystemExit, match=r"1 fault\n.*'at_risk'"):
        main([*command, "--all"])


@pytest.mark.skipif(not os.environ.get("POLYFUSE_DATA"), reason="POLYFUSE_DATA names no public data")
def test_the_open_university_set_as_its_own_columns_count_it() -> None:
    folder = Path(os.environ["POLYFUSE_DATA"]) / "education" / "behaviour"
    own = pd.read_csv(folder / "oulad_enrolments.csv.gz").set_index("enrolment_id")
    tables = read_tables(folder)
    for n in (60,):
        found = snapshot(tables, n).set_index("enrolment_id")
        theirs = own.loc[found.index]
        assert (theirs[f"d{n}_still_registered"] == 1).all()
        assert (found["mean_percent"] - theirs[f"d{n}_mean_score"]).abs().max() < 0.02
        assert (found["min_percent"] - theirs[f"d{n}_min_score"]).abs().max() < 0.02
        assert (found["late"] == theirs[f"d{n}_late"]).mean() > 0.99

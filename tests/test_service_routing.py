"""The routing table: the first line that fits decides and is named, faults are told together, edits come back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from service_samples import steady_detector

from core.errors import ConfigError, FileError, TableError
from core.schema import TargetKind
from domains.customer_service import Detection
from domains.customer_service.desk import Desk
from domains.customer_service.knowledge import Knowledge, Piece
from domains.customer_service.replies import ReplySuggester
from domains.customer_service.routing import Line, RoutingTable

ROOT = Path(__file__).parents[1]
TOML = """# comment
[[line]]
name = "first"
intent = ["theft", "loss"]
urgency = "high"
queue = "security"
priority = 1

[[line]]
out_of_scope = true
queue = "general"
priority = 4

[[line]]
confidence = "< 0.4"
queue = "general"
priority = 3

[[line]]
plan = "!basic|prepaid"
waiting_seconds = "> 300"
queue = "gold"
priority = 2

[[line]]
queue = "rest"
priority = 5

[[urgency]]
intent = "theft"
is = "high"

[[urgency]]
waiting_seconds = ">= 600"
is = "high"
"""


@pytest.fixture
def table(tmp_path: Path) -> RoutingTable:
    (tmp_path / "r.toml").write_text(TOML, encoding="utf-8")
    return RoutingTable.read(tmp_path / "r.toml")


@pytest.mark.parametrize(
    ("case", "queue", "line"),
    [
        ({"intent": "theft", "urgency": "high"}, "security", 2),
        ({"intent": ["bill", "loss"], "urgency": "high"}, "security", 2),
        ({"intent": "loss", "urgency": "low"}, "rest", 20),
        ({"intent": None, "out_of_scope": True}, "general", 9),
        ({"intent": "bill", "confidence": 0.3}, "general", 14),
        ({"intent": "bill", "confidence": 0.4}, "rest", 20),
        ({"intent": "bill", "behaviour": {"plan": "plus", "waiting_seconds": 301}}, "gold", 19),
        ({"intent": "bill", "behaviour": {"plan": "plus", "waiting_seconds": "301.5"}}, "gold", 19),
        ({"intent": "bill", "behaviour": {"plan": "basic", "waiting_seconds": 301}}, "rest", 20),
        ({"intent": "bill", "behaviour": {"plan": "", "waiting_seconds": 301}}, "rest", 20),
        ({"intent": "bill", "behaviour": {"plan": float("nan"), "waiting_seconds": 301}}, "rest", 20),
        ({"intent": "bill", "behaviour": {"plan": "plus", "waiting_seconds": "long"}}, "rest", 20),
    ],
)
def test_the_first_line_that_fits_decides(table: RoutingTable, case: dict, queue: str, line: int) -> None:
    expected = {2: 2, 9: 9, 14: 14, 19: 19, 20: 25}[line]
    found = table.route(**case)
    assert (found.queue, found.line) == (queue, expected)


def test_the_answer_says_which_line_and_why(table: RoutingTable) -> None:
    found = table.route("theft", confidence=0.9)
    assert (found.priority, found.urgency, found.name) == (1, "high", "first")
    assert found.why == (
        "line 2 (first): intent is theft or loss and urgency is high; urgency high by line 29: intent is theft"
    )
    assert table.route("bill").why == "line 25: anything else"
    assert "plan is not basic or prepaid" in table.route("x", behaviour={"plan": "a", "waiting_seconds": 999}).why


def test_urgency_of_a_model_goes_before_the_lines(table: RoutingTable) -> None:
    assert table.route("theft", urgency="low").queue == "rest"
    assert table.urgency("bill", {"waiting_seconds": 600}) == "high"
    assert table.urgency("bill") == "normal"


FAULTY = """[[line]]
intent = ["theft", "thift"]
urgency = "very high"
priority = 9

[[line]]
confidence = 0.5
out_of_scope = "perhaps"
waiting_seconds = "=> 3"
shoe_size = 40
queue = "general"
priority = 1

[[line]]
confidence = "> 70"
queue = "x"
priority = "soon"

[[urgency]]
intent = "theft"
is = "urgent"
"""


def test_all_faults_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(FAULTY, encoding="utf-8")
    with pytest.raises(TableError) as caught:
        RoutingTable.read(tmp_path / "r.toml", intents=["theft", "loss"], behaviour=["waiting_seconds"])
    told = str(caught.value)
    for part in (
        "line 1, queue: is missing",
        "line 1, priority: expected a whole number from 1 (first) to 5 (found '9')",
        "line 1, intent: the model knows no such intent, only theft, loss (found 'thift')",
        "line 1, urgency: expected low, normal, high (found 'very high')",
        "line 6, confidence: expected a comparison such as >= 0.7 (found '0.5')",
        "line 6, out_of_scope: expected true or false (found 'perhaps')",
        "line 6, waiting_seconds: expected >=, <=, > or < and a number, or values joined by | (found '=> 3')",
        "line 6, shoe_size: no condition of that name; there are intent, urgency, confidence, out_of_scope, waiting",
        "line 14, confidence: a confidence is from 0 to 1",
        "line 14, priority: expected a whole number",
        "line 19, is: expected one of low, normal, high (found 'urgent')",
    ):
        assert part in told
    assert len(caught.value.faults) == 11


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("r.toml", '[[line]]\nqueue = "a\n', r"line 2: not TOML"),
        ("r.toml", "", "no line is there"),
        ("r.toml", "[rules]\nx = 1\n", "rules: unknown part"),
        ("r.toml", 'line = [{queue = "a", priority = 1}]\n', r"a block of its own under \[\[line\]\]"),
        ("r.toml", '[[line]]\nintent = "a"\nqueue = "q"\npriority = 1\n', "nothing takes the rest"),
        ("r.csv", "intent,queue,priority\na,q,1\na,x,2\n,r,3\n", "line 3: is never reached: line 2 takes all"),
        ("r.csv", "queue,priority\nq,1\nx,2\n", "line 3: is never reached"),
        ("r.csv", "queue,priority,queue\nq,1,q\n", "the column is there twice"),
        ("r.csv", "queue,priority\nq,1,a,b\n", "4 cells under 2 columns"),
        ("r.csv", "plan,queue,priority\n!,q,1\n,r,3\n", "line 2, plan: names no value"),
        ("r.toml", '[[line]]\nintent = "|"\nqueue = "q"\npriority = 1\n', "line 1, intent: names no value"),
        ("r.toml", '[[line]]\nqueue = ["a", "b"]\npriority = 1\n', "line 1, queue: expected one value"),
        (
            "r.toml",
            "[[line]]\nplan = {a = 1}\nqueue = 'q'\npriority = 1\n",
            "line 1, plan: expected a value, or several",
        ),
    ],
)
def test_a_malformed_table_is_refused_in_words(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(TableError, match=message):
        RoutingTable.read(tmp_path / name)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(FileError, match="cannot be read as text"):
        RoutingTable.read(tmp_path / "r.toml")
    (tmp_path / "r.xml").write_text("x")
    with pytest.raises(FileError, match=r"is \.toml or \.csv"):
        RoutingTable.read(tmp_path / "r.xml")


def test_a_csv_decides_as_the_toml_does(table: RoutingTable, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no place for lines about urgency"):
        table.write(tmp_path / "r.csv")
    RoutingTable(table.lines).write(tmp_path / "r.csv")
    again = RoutingTable.read(tmp_path / "r.csv")
    assert [line.where for line in again.lines] == [line.where for line in table.lines]
    assert again.route("loss", urgency="high").line == 2


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_csv_of_a_spreadsheet_is_read_by_its_own_mark(tmp_path: Path, mark: str) -> None:
    rows = (("intent", "queue", "priority"), ("theft|loss", "security, at once", "1"), ("", "rest", "5"))
    (tmp_path / "r.csv").write_text("\n".join(map(mark.join, rows)), encoding="utf-8-sig")
    table = RoutingTable.read(tmp_path / "r.csv")
    assert [table.route(intent).queue for intent in ("loss", "bill")] == ["security, at once", "rest"]
    assert table.route("bill|loss") == table.route(["bill", "loss"]) == table.route("loss")


def test_a_csv_that_a_spreadsheet_saved_in_capitals_decides(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("Out_of_scope,Queue,Priority\nTRUE,people,1\n,rest,3\n", encoding="utf-8")
    table = RoutingTable.read(tmp_path / "r.csv")
    assert [table.route("x", out_of_scope=o).queue for o in (True, False)] == ["people", "rest"]


def test_of_several_intents_the_most_probable_one_says_how_sure_the_desk_is(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("confidence,queue,priority\n>= 0.9,fast,1\n< 0.9,people,2\n,rest,5\n")
    table = RoutingTable.read(tmp_path / "r.csv")
    for sure, queue in ((0.95, "fast"), (0.7, "people")):
        top = (("bill", sure), ("theft", 0.6))
        found = Detection("turn", None, dict(top), labels=("bill", "theft"), top=top)
        helped = Desk(steady_detector(found, TargetKind.LABELS), table).help(text="my bill, and my card was stolen")
        assert helped.route is not None
        assert helped.route.queue == queue


def test_the_intent_that_a_person_names_decides_queue_and_replies_and_the_answer_stays(tmp_path: Path) -> None:
    rows = "intent,confidence,out_of_scope,queue,priority\nbill,>= 0.9,,billing,3\n,,true,people,2\n,,,rest,5\n"
    (tmp_path / "r.csv").write_text(rows)
    pieces = (Piece("the bill", "Here is your bill.", "k.md"), Piece("the card", "Here is your card.", "k.md"))
    suggester = ReplySuggester().fit(knowledge=Knowledge(pieces))
    said = "about the bill, not the card"
    found = Detection("turn", "card", {"card": 0.6, "bill": 0.4}, text=said)
    desk = Desk(steady_detector(found, outside="oos"), RoutingTable.read(tmp_path / "r.csv"), suggester)
    helped = desk.help(text=said)
    assert helped.route is not None
    assert helped.route.queue == "rest"
    for named, queue in (("bill", "billing"), ("oos", "people"), ("card", "rest")):
        again = desk.corrected(helped, named)
        assert again.route is not None
        assert (again.route.queue, again.found) == (queue, helped.found)
    assert [r.text for r in desk.corrected(helped, "bill", dialogue=["agent: Here is your card."]).replies] == [
        "Here is your bill."
    ]
    assert desk.corrected(helped, "bill|card").route == desk.corrected(helped, "bill").route


@pytest.mark.parametrize("condition", ["2", "2.0", "1|2"])
def test_a_number_fits_as_a_table_with_gaps_writes_it(condition: str) -> None:
    table = RoutingTable((Line({"open_orders": condition}, "two", number=1), Line({}, "rest", number=2)))
    for value, queue in ((2, "two"), (2.0, "two"), ("2.0", "two"), ("2", "two"), ("20", "rest"), ("2.5", "rest")):
        assert table.route("x", behaviour={"open_orders": value}).queue == queue


def test_an_edit_comes_back(table: RoutingTable, tmp_path: Path) -> None:
    rows = table.rows()
    rows[0]["queue"], rows[1]["note"] = "police", 'with "quotes" and \\'
    edited = table.with_rows(rows)
    edited.write(tmp_path / "new.toml")
    again = RoutingTable.read(tmp_path / "new.toml")
    assert again.route("loss", urgency="high").queue == "police"
    assert (again.lines[1].note, again.rows()) == (rows[1]["note"], rows)
    assert again.urgency("theft") == "high"
    with pytest.raises(TableError, match="line 3, queue: is missing"):
        table.with_rows([*rows[:2], {**rows[2], "queue": None}, *rows[3:]])


def test_without_a_line_that_fits_the_table_says_so() -> None:
    with pytest.raises(ConfigError, match="no line fits"):
        RoutingTable((Line({"intent": "a"}, "q"),)).route("b")


def test_the_sample_table_is_whole_and_knows_the_samples_intents() -> None:
    from domains.customer_service.sample import QUEUES
    from domains.customer_service.sample_behaviour import CATEGORIES, NUMBERS

    intents = [i for held in QUEUES.values() for i in held]
    path = ROOT / "sample_data" / "customer_service" / "routing.toml"
    table = RoutingTable.read(path, intents=intents, behaviour=(*NUMBERS, *CATEGORIES))
    for queue, held in QUEUES.items():
        for intent in held:
            outside = intent == "out_of_scope"
            assert table.route(intent, confidence=0.9, urgency="normal", out_of_scope=outside).queue == queue


_VALUE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)


@example([("0 |0", "0")])
@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(_VALUE, _VALUE), min_size=1, max_size=4, unique=True))
def test_any_table_comes_back_equal(tmp_path_factory: pytest.TempPathFactory, values: list[tuple[str, str]]) -> None:
    rows = [{"plan": plan, "queue": queue, "priority": 1} for plan, queue in values] + [{"queue": "q", "priority": 5}]
    try:
        table = RoutingTable(()).with_rows(rows)
    except TableError:  # a queue of blanks, a line that is never reached
        return
    path = tmp_path_factory.mktemp("r") / "r.toml"
    table.write(path)
    assert RoutingTable.read(path).rows() == table.rows()

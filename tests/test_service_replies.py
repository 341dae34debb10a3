"""Reply suggestion: what is found, what is learned from answered turns and decisions, what is kept, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from service_samples import steady_detector

import core.sentences
from apps.cli import main
from core.errors import BundleError, ConfigError
from core.privacy.text import masked
from core.record import Record
from domains.customer_service import Detection
from domains.customer_service.desk import Desk
from domains.customer_service.knowledge import Knowledge, Piece
from domains.customer_service.replies import ReplySuggester
from domains.customer_service.reply_habit import UNUSUAL, Habit
from domains.customer_service.reply_writer import ReplyWriter

KNOWLEDGE = Knowledge(
    (
        Piece("Lost card", "Your card {number} is blocked now, {name}.", "cards.md › Lost card", "lost_card"),
        Piece("Refunds", "A refund arrives within five days.", "money.md › Refunds", "refund"),
        Piece("Opening hours", "We are open from nine to five.", "shop.md › Hours"),
    )
)


@pytest.fixture(autouse=True)
def no_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """By TF-IDF: quick, and the same on every machine."""
    monkeypatch.setattr(core.sentences, "text_model", lambda: None)


def _table(n: int = 150, seed: int = 0) -> pd.DataFrame:
    """The same vague words mean a parcel to customers of the shop, a bill to others, and goodbye at the end."""
    rng, rows = np.random.default_rng(seed), []
    for i in range(n):
        product = ("shop", "phone")[int(rng.integers(2))]
        reply = {"shop": "Your parcel is on its way.", "phone": "Your bill is explained online."}[product]
        opening = bool(rng.integers(2))
        row = {"text": f"what about it {rng.integers(9)}", "dialogue": "agent: Hello, how can I help?", "reply": reply}
        if not opening:
            row |= {"dialogue": "agent: Is there anything else?", "reply": "Goodbye."}
        rows.append(row | {"turn_id": f"t{i}", "customer_id": f"c{i % 40}", "product": product, "split": "train"})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def learned() -> ReplySuggester:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core.sentences, "text_model", lambda: None)
        return ReplySuggester().fit(_table(), KNOWLEDGE)


def test_the_knowledge_base_alone_is_enough() -> None:
    suggester = ReplySuggester().fit(knowledge=KNOWLEDGE)
    first, *others = suggester.suggest("agent: hello\ncustomer: I lost my card")
    assert (first.source, first.missing) == ("cards.md › Lost card", ("number", "name"))
    assert len(others) == 2
    assert first.score > others[0].score >= others[1].score
    assert suggester.about["order"].startswith("fixed weights: 0 answered turns are too few")
    assert suggester.about["meaning"].startswith("TF-IDF")


def test_placeholders_are_filled_from_slots_also_under_another_name() -> None:
    suggester = ReplySuggester().fit(knowledge=KNOWLEDGE)
    (first,) = suggester.suggest("customer: lost card", slots={"order_number": "AB-1", "name": "Ana"}, k=1)
    assert first.text == "Your card AB-1 is blocked now, Ana."
    assert first.template == "Your card {number} is blocked now, {name}."
    assert first.missing == ()


def test_the_desk_fills_in_the_first_order_number_and_leaves_the_placeholder_where_there_is_none() -> None:
    pieces = Knowledge((Piece("Where is my order?", "Your order {order_number} is on its way.", "orders.md"),))
    desk = Desk(
        steady_detector(Detection("turn", "order", {"order": 1.0})), suggester=ReplySuggester().fit(knowledge=pieces)
    )
    (reply,) = desk.help(text="Where is my order AB1234? AB9999 came, this should come by 10am").replies
    assert reply.text == "Your order AB1234 is on its way."
    (reply,) = desk.help(text="where is my order, you promised it by 10am on the 15th").replies
    assert (reply.text, reply.missing) == ("Your order {order_number} is on its way.", ("order_number",))


def test_what_the_agent_has_said_is_not_suggested_again_but_with_another_number() -> None:
    found = ReplySuggester().fit(knowledge=KNOWLEDGE)
    lines = ["customer: hello", "agent:  A refund arrives within  five days.", "customer: when is my refund there"]
    assert "A refund arrives within five days." not in [s.text for s in found.suggest(lines)]
    slots = {"number": "773", "name": "Ana"}
    told = "Your card 773 is blocked now, Ana."
    lines = [f"agent: {told}", "customer: I lost another card"]
    assert told not in [s.text for s in found.suggest(lines, slots=slots)]
    again = [s.text for s in found.suggest(lines, slots=slots | {"number": "774"})]
    assert "Your card 774 is blocked now, Ana." in again


def test_the_desk_says_where_all_was_said_already() -> None:
    one = ReplySuggester().fit(knowledge=Knowledge(KNOWLEDGE.pieces[1:2]))
    desk = Desk(steady_detector(Detection("turn", "refund", {"refund": 1.0})), suggester=one)
    helped = desk.help(text="and my refund?", dialogue=["agent: A refund arrives within five days."])
    assert helped.replies == ()
    assert "was said already" in helped.lacking[-1]


def test_answers_that_differ_in_a_placeholder_alone_are_both_kept_and_past_replies_join_the_one_that_fits() -> None:
    on, at = "The technician comes on {date}.", "The technician comes on {address}."
    pieces = Knowledge((Piece("When will somebody come?", on, "a.md"), Piece("Which door?", at, "b.md")))
    past = pd.DataFrame({"text": ["who comes"] * 2, "reply": [on.replace("{date}", "[DATE_1]"), at.upper()]})
    found = ReplySuggester().fit(past, pieces).answers.answers
    assert [(a.text, a.source, a.used) for a in found] == [(on, "a.md", 1), (at, "b.md", 1)]


def test_every_question_of_one_answer_finds_it_and_every_source_is_told(tmp_path: Path) -> None:
    rows = ["How do I reset my PIN?,Call us.", "My handset was stolen,Call us.", "When are you open?,From nine."]
    (tmp_path / "faq.csv").write_text("\n".join(["question,answer", *rows, rows[0]]) + "\n", encoding="utf-8")
    suggester = ReplySuggester().fit(knowledge=Knowledge.read(tmp_path / "faq.csv"))
    for question in ("reset the PIN", "my handset was stolen"):
        first, *others = suggester.suggest(f"customer: {question}")
        assert (first.text, len(others)) == ("Call us.", 1)
        assert first.source == "faq.csv, line 2; faq.csv, line 3; faq.csv, line 5"


def test_the_intent_decides_between_answers_that_words_do_not_tell_apart() -> None:
    suggester = ReplySuggester().fit(knowledge=KNOWLEDGE)
    for intent, source in (("lost_card", "cards.md › Lost card"), ("refund", "money.md › Refunds")):
        assert suggester.suggest("customer: it is about that matter", intent=intent, k=1)[0].source == source
    both = suggester.suggest("customer: it is about that matter", intent="refund|lost_card", k=2)
    assert {s.source for s in both} == {"cards.md › Lost card", "money.md › Refunds"}


def test_an_order_is_learned_from_behaviour_and_from_the_dialogue(learned: ReplySuggester) -> None:
    assert "learned from" in learned.about["order"]
    opened = ["agent: Hello, how can I help?", "customer: what about it 3"]
    for product, reply in (("shop", "Your parcel is on its way."), ("phone", "Your bill is explained online.")):
        assert learned.suggest(opened, behaviour={"product": product}, k=1)[0].text == reply
    closed = ["agent: Is there anything else?", "customer: what about it 3"]
    assert learned.suggest(closed, behaviour={"product": "shop"}, k=1)[0].text == "Goodbye."


def test_the_parts_of_a_score_are_shown(learned: ReplySuggester) -> None:
    opened = "agent: Hello, how can I help?\ncustomer: your parcel"
    parts = learned.suggest(opened, behaviour={"product": "shop"}, k=1)[0].parts
    assert parts["says_words"] > 0
    assert parts["habit"] > 0
    assert parts["behaviour"] > 0
    assert parts["from_knowledge"] == 0


def test_what_is_usual_is_learned_from_words_and_context_by_hand() -> None:
    texts = ["my bill", "the parcel"] * 30 + ["once only"]
    context = [["said=hi"], ["said=hi"]] * 30 + [["said=hi"]]
    habit = Habit.fit(texts, context, np.array([2, 5] * 30 + [7]))
    assert habit is not None
    assert habit.answers.tolist() == [2, 5]  # 7 was given once: too seldom to learn
    found = habit.margins("a parcel", ["said=hi"], 8)
    assert found[5] > 0 > found[2]
    assert found[7] == found[0] == UNUSUAL
    np.testing.assert_allclose(found[2], -found[5], atol=1e-3)  # of two classes one is the other's opposite
    assert Habit.fit(texts[:20], context[:20], np.array([2, 5] * 10)) is None
    apart = [str(i) for i in range(60)]  # no word and no value of context comes twice
    assert Habit.fit(apart, [[f"said={i}"] for i in apart], np.array([2, 5] * 30)) is None


def test_test_rows_are_not_learned_from() -> None:
    table = _table(20).assign(split="test")
    with pytest.raises(ConfigError, match="neither an answered turn nor a knowledge base"):
        ReplySuggester().fit(table)


def test_the_place_of_the_given_reply_is_measured_on_test_rows(learned: ReplySuggester) -> None:
    found = learned.evaluate(pd.concat([_table(30, seed=1).assign(split="test"), _table(9)]))
    assert found["rows"] == 30
    assert found["recall@1"] == found["recall@3"] == found["mrr"] == 1.0  # the planted rule leaves no doubt
    alien = _table(10, seed=1).assign(split="test", reply="Nobody ever said this.")
    assert learned.evaluate(alien) == {"recall@1": 0.0, "recall@3": 0.0, "mrr": 0.0, "rows": 10}
    with pytest.raises(ConfigError, match="no answered test rows"):
        learned.evaluate(_table(9))


def test_the_command_learns_measures_and_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, folder = tmp_path / "turns.csv", str(tmp_path / "replies")
    _table().to_csv(source, index=False)
    _table(30, seed=1).drop(columns="split").to_csv(tmp_path / "kept.csv", index=False)
    (tmp_path / "hours.md").write_text("# Opening hours\nWe are open from nine to five.\n", encoding="utf-8")
    assert main(["replies", folder, "--table", str(source), "--knowledge", str(tmp_path / "hours.md")]) == 0
    assert "1 from the knowledge base, 3 from answered turns" in capsys.readouterr().out
    assert main(["replies", folder, "--measure", str(tmp_path / "kept.csv"), "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)["measured"]
    assert measured == ReplySuggester.load(folder).evaluate(_table(30, seed=1).assign(split="test"))
    assert measured["rows"] == 30
    asked = "agent: Is there anything else?\ncustomer: what about it 3"
    assert main(["replies", folder, "--ask", asked, "-k", "1"]) == 0
    assert "Goodbye.  [answered turn" in capsys.readouterr().out
    other = [str(tmp_path / "written"), "--knowledge", str(tmp_path / "hours.md")]
    assert main(["replies", *other, "--ask", "when are you open?"]) == 0
    assert "We are open from nine to five.  [hours.md" in capsys.readouterr().out
    assert main(["replies", folder, "--measure", str(source)]) == 1
    assert "no answered test rows" in capsys.readouterr().err
    assert main(["replies", str(tmp_path / "none"), "--ask", "hello"]) == 1
    assert "not a readable folder of replies" in capsys.readouterr().err
    assert main(["replies", folder, "--knowledge", str(tmp_path / "none.md")]) == 1
    assert "none.md: no such file or folder" in capsys.readouterr().err
    assert main(["replies", folder, "--record", str(tmp_path / "none.sqlite")]) == 1
    assert "no such file; give the record of the app" in capsys.readouterr().err


def test_a_saved_suggester_answers_the_same(learned: ReplySuggester, tmp_path: Path) -> None:
    learned.save(tmp_path / "replies")
    assert {f.suffix for f in (tmp_path / "replies").iterdir()} == {".json", ".safetensors", ".txt"}
    again = ReplySuggester.load(tmp_path / "replies")
    for words in ("what about it 2", "I lost my card"):
        asked = {"dialogue": f"customer: {words}", "behaviour": {"product": "shop"}}
        assert again.suggest(**asked) == learned.suggest(**asked)
    assert again.about == learned.about


@pytest.mark.parametrize("damage", ["missing", "cut", "version"])
def test_a_damaged_folder_is_refused_in_words(learned: ReplySuggester, tmp_path: Path, damage: str) -> None:
    learned.save(tmp_path / "r")
    file = tmp_path / "r" / "replies.json"
    if damage == "missing":
        (tmp_path / "r" / "replies.safetensors").unlink()
    elif damage == "cut":
        file.write_text(file.read_text()[:-50])
    else:
        file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 99}))
    with pytest.raises(BundleError, match=r"fit (it|the replies) again"):
        ReplySuggester.load(tmp_path / "r")


def test_what_agents_decided_is_used_at_the_next_fit(tmp_path: Path) -> None:
    record = Record(tmp_path / "r.sqlite", clean=masked)
    before = ReplySuggester().fit(knowledge=KNOWLEDGE)
    asked = "customer: when do you open"
    assert before.suggest(asked, k=1)[0].text == "We are open from nine to five."
    case = {"turn_id": "1", "text": "when do you open", "dialogue": ""}
    said = {"suggested": "We are open from nine to five.", "intent": "hours"}
    edited = {"decision": "edited", "reply": "We open at ten, Ana Silva. My name is Ana Silva."}
    for _ in range(3):
        record.append("reply", case, said, {"decision": "rejected", "reply": ""})
        record.append("reply", case, said, edited)
    after = ReplySuggester().fit(knowledge=KNOWLEDGE, record=record)
    first = after.suggest(asked, intent="hours", k=1)[0]
    assert first.text == "We open at ten, {name}. My name is {name}."  # personal data is out before it is learned
    old = next(s for s in after.suggest(asked, k=9) if s.text == "We are open from nine to five.")
    assert old.parts["rejected"] == 3


def test_a_decision_counts_for_the_answer_not_for_what_one_customer_had_in_it(tmp_path: Path) -> None:
    record, slots = Record(tmp_path / "r.sqlite", clean=masked), {"amount": "$20.50", "date": "tomorrow"}
    pieces = [("refund", "You get {amount} back {date}."), ("phone", "Call us on 0800 123 4567.")]
    known = Knowledge(tuple(Piece(asked, answer, "k.md") for asked, answer in pieces))
    before = ReplySuggester().fit(knowledge=known)
    for asked, decision in (("refund", "approved"), ("phone", "approved"), ("refund", "rejected")):
        (found,) = before.suggest(f"customer: {asked}", slots=slots, k=1)
        said = {"suggested": found.text, "template": found.template}
        kept = {"decision": decision, "reply": found.text if decision == "approved" else ""}
        record.append("reply", {"turn_id": asked, "text": asked}, said, kept)
    after = ReplySuggester().fit(knowledge=known, record=record).answers.answers
    assert [(a.text, a.used, a.rejected) for a in after] == [(pieces[0][1], 1, 1), (pieces[1][1], 1, 0)]


def test_what_cannot_be_learned_from_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"load\(folder\) first"):
        ReplySuggester().suggest("customer: a")
    with pytest.raises(ConfigError, match="the columns reply and text or recognised"):
        ReplySuggester().fit(pd.DataFrame({"text": ["a"]}))


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A causal model with random weights: real parts, in the layout of the transformers library."""
    from core.torchaudio_import import torchaudio

    torchaudio()
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("model")
    known = ("[UNK]", "[END]", "customer", "agent", "card", "lost", "your", "is", "blocked")
    words = {w: i for i, w in enumerate(known)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", eos_token="[END]")
    fast.save_pretrained(folder)
    GPT2LMHeadModel(GPT2Config(vocab_size=9, n_positions=64, n_embd=8, n_layer=1, n_head=2)).save_pretrained(folder)
    return folder


def test_a_named_model_writes_what_no_one_vouches_for(tiny_model: Path) -> None:
    suggester = ReplySuggester().fit(knowledge=KNOWLEDGE)
    asked = ["agent: hello", "customer: my card is lost"]
    writer = ReplyWriter(str(tiny_model), tokens=5)
    found = writer.write(asked, suggester.suggest(asked))
    assert (found.score, found.source) == (0.0, f"written by {tiny_model}; check every fact")
    assert len(found.text.split()) <= 5
    assert writer.write(asked, suggester.suggest(asked)) == found  # no sampling
    assert writer.write(["customer: " + "card " * 500]).source == found.source  # more than the model can read


def test_without_a_model_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name the folder of a transformers model"):
        ReplyWriter("")
    with pytest.raises(ConfigError, match="no such folder"):
        ReplyWriter(str(tmp_path / "nothing"))
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(ConfigError, match="cannot write replies"):
        ReplyWriter(str(tmp_path))

"""Customer-service columns to an experiment: modalities, fall-back from typed to recognised text, targets."""

import pandas as pd
import pytest

from core.config import ConfigError, ExperimentConfig
from core.manifest import Manifest
from core.predict import as_row
from core.schema import TargetKind
from domains.customer_service import recipe

COLUMNS = (
    "turn_id", "customer_id", "audio", "text", "recognised", "dialogue", "waiting_seconds", "plan", "intent",
    "urgency", "split",
)  # fmt: skip


def build(columns=COLUMNS, **options):
    return recipe.build(columns, preset="fast", **options)


def test_every_modality_is_found_by_its_columns():
    config = build()
    assert {m.name: m.columns for m in config.modalities} == {
        "speech": ("audio",),
        "text": ("text", "recognised"),
        "dialogue": ("dialogue",),
        "behaviour": ("waiting_seconds", "plan"),
    }
    assert (config.table.id, config.table.group, config.table.split) == ("turn_id", "customer_id", "split")
    assert ExperimentConfig.from_json(config.to_json()) == config


def test_group_goes_before_customer_and_speaker():
    assert build((*COLUMNS, "speaker", "group")).table.group == "group"


def test_a_turn_is_named_by_either_id():
    assert build(("utt_id", "text", "intent")).table.id == "utt_id"
    assert build(("utt_id", "turn_id", "text", "intent")).table.id == "turn_id"
    assert build(("text", "intent")).table.id is None


def test_targets_have_the_kind_that_their_column_means():
    assert build().target.column == "intent"
    assert build(target="intent:labels").target.kind is TargetKind.LABELS
    urgency = build(target="urgency").target
    assert (urgency.kind, urgency.classes) == (TargetKind.GRADE, ("low", "normal", "high"))
    assert build(target="urgency", classes=["calm", "hot"]).target.classes == ("calm", "hot")
    assert build(target="plan:grade", classes=["free", "paid"]).target.classes == ("free", "paid")


def test_further_behaviour_columns_and_fewer_modalities():
    config = build((*COLUMNS, "clicks", "team"), numbers=("clicks",), categories="team", modalities="behaviour")
    assert [m.name for m in config.modalities] == ["behaviour"]
    assert config.modalities[0].views[0].preprocess == {
        "numbers": ["waiting_seconds", "clicks"],
        "categories": ["plan", "team"],
    }


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        (("text",), {}, "no target column is found; looked for intent, urgency.*The first line of the table names"),
        (("intent", "comment"), {}, "no customer-service column is found; name one of audio, text"),
        (COLUMNS, {"target": "intnt"}, "Did you mean 'intent'"),
        (COLUMNS, {"target": "intent:lable"}, "Did you mean 'label'"),
        (COLUMNS, {"modalities": ["voice"]}, "unknown modality 'voice'"),
        (COLUMNS, {"numbers": ["click"]}, "unknown behaviour column 'click'"),
        (COLUMNS, {"categories": "plans"}, "unknown behaviour column 'plans'. Did you mean 'plan'"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_choices(columns, options, message):
    with pytest.raises(ConfigError, match=message):
        build(columns, **options)


def test_recognised_text_is_read_only_where_none_is_typed():
    table = pd.DataFrame(
        {
            "text": ["typed", "", ""],
            "recognised": ["hurt", "heard", ""],
            "plan": ["a", "b", "a"],
            "intent": ["x", "y", "x"],
        }
    )
    manifest = Manifest.open(table, build(tuple(table.columns)), need_target=False)
    assert [manifest.row(i).values.get("text") for i in range(3)] == ["typed", "heard", None]


def test_a_table_needs_one_of_the_text_columns_only():
    config = build(("text", "recognised", "intent"))
    table = pd.DataFrame({"recognised": ["heard", "it"], "intent": ["x", "x"]})
    manifest = Manifest.open(table, config)
    assert not manifest.faults
    assert manifest.row(1).values == {"text": "it"}
    neither = Manifest.open(table.drop(columns="recognised"), config, need_target=False)
    assert [f.column for f in neither.faults] == ["text", "recognised"]


def test_a_single_case_falls_back_too():
    modalities = build(("text", "recognised", "intent")).modalities
    assert as_row({"text": None, "recognised": "heard"}, modalities).values == {"text": "heard"}
    assert as_row({"recognised": "heard", "text": "typed"}, modalities).values == {"text": "typed"}

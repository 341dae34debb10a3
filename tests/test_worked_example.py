"""The worked example of the source design: frozen VGG16 on images and LSTM on text, concatenated, softmax, Adam.

Without a weights file VGG16 is initialised at random with a fixed seed: its features tell less than trained ones, and
the run is the same otherwise. With one, ``backbone_options`` gets ``weights``.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from torch import nn

from apps.cli import main
from core.bundle import Bundle
from core.config import read_config
from core.fusion.deep import Deep
from core.samples import make_table

CONFIG = Path(__file__).parents[1] / "sample_data" / "worked_example.json"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result of the one command that runs the example."""
    folder = tmp_path_factory.mktemp("worked")
    table = make_table(folder / "table", 120, ("image", "text"), effect="each", noise=0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POLYFUSE_CACHE", str(folder / "cache"))
        assert main(["train", str(table), "--config", str(CONFIG), "--out", str(folder / "out")]) == 0
    return folder / "out"


def test_it_is_what_the_design_says() -> None:
    config = read_config(CONFIG)
    image, text = config.modalities
    assert image.views[0].backbone == "vgg16"
    assert text.views[0].encoder == "rnn"
    assert text.views[0].options["cell"] == "lstm"
    assert (config.fusion, config.fusion_options["hidden"]) == ("deep", 0)
    assert (config.training.optimizer, config.training.modality_dropout) == ("adam", 0)
    assert (config.training.focal_gamma, config.training.label_smoothing) == (0, 0)  # plain cross-entropy


def test_concatenation_goes_straight_to_the_softmax(out: Path) -> None:
    model = Bundle.load(out / "bundle").ensemble.experts[0].model  # type: ignore[attr-defined]
    assert isinstance(model.fusion, Deep)
    linear = [m for m in model.fusion.head.modules() if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linear] == [(2 * 64, 2)]
    assert not any(m for name, m in model.named_modules() if "vgg" in type(m).__name__.lower())  # frozen, not trained


def test_every_epoch_has_loss_and_accuracy_of_training_and_validation(out: Path) -> None:
    with (out / "logs" / "seed-0" / "curves.csv").open() as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    assert [row["epoch"] for row in rows] == list(range(1, 13))
    assert {"train_loss", "train_accuracy", "val_loss", "val_accuracy"} <= set(rows[0])
    assert rows[-1]["train_loss"] < 0.5 * rows[0]["train_loss"]
    assert rows[-1]["train_accuracy"] > 0.9


def test_the_end_is_an_accuracy_on_test_rows(out: Path) -> None:
    facts = json.loads((out / "bundle" / "bundle.json").read_text())["facts"]
    assert facts["test"]["cases"] == 18
    assert facts["test"]["accuracy"] > 0.8
    assert "| test | 18 | " in (out / "bundle" / "card.md").read_text()

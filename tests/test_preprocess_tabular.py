"""Table rows to numbers, flags and codes, by hand-computed values."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError, TableError
from core.preprocess.quantity import parse_quantity
from core.preprocess.tabular import TabularPreprocessor


def fitted(cells: list[dict[str, str]], **options: Any) -> TabularPreprocessor:
    made = TabularPreprocessor(**options)
    made.fit(iter(cells))
    return made


def column(name: str, *values: str) -> list[dict[str, str]]:
    return [{name: v} for v in values]


def sample(made: TabularPreprocessor, **cell: str) -> list[float]:
    found = made.finish(made.prepare(cell))
    assert found.shape == (1, *made.signature.shape)
    assert found.dtype == torch.float32
    return found[0].tolist()


def test_numbers_flags_and_codes_in_their_order() -> None:
    cells = [{"age": str(a), "sex": s} for a, s in zip([0, 1, 2, 3, 4], ["F", "F", "M", "M", "X"])] + [
        {"age": "", "sex": ""}
    ]
    made = fitted(cells, numbers=["age"], categories=["sex"])
    assert made.signature.shape == (3,)
    assert made.signature.cardinalities == (4,)
    # median 2, interquartile range 2, scale 2 / 1.349
    assert sample(made, age=" 3 ", sex="F") == pytest.approx([1.349 / 2, 0, 2])
    assert sample(made, age="", sex=" M ") == [0, 1, 3]
    assert sample(made, age="2", sex="X") == [0, 0, 0]  # rare
    assert sample(made, age="2", sex="never") == [0, 0, 0]
    assert sample(made, age="2", sex=" ") == [0, 0, 1]
    assert sample(made, age="1e9", sex="F")[0] == 10
    assert sample(made, age="-1e9", sex="F")[0] == -10


def test_skewed_numbers_are_taken_as_logarithms() -> None:
    skewed = [np.exp(x) - 1 for x in np.linspace(0, 8, 81)]
    made = fitted(column("price", *map(str, skewed)), numbers=["price"])
    assert made.state()["scales"]["price"]["log"]
    assert sample(made, price=str(skewed[60])) == pytest.approx([2 / (4 / 1.349), 0], abs=1e-5)
    assert sample(made, price="-5")[0] == pytest.approx(-4 / (4 / 1.349))
    below = fitted(column("price", *map(str, [-1.0, *skewed])), numbers=["price"])
    assert not below.state()["scales"]["price"]["log"]


def test_mostly_equal_numbers_use_the_standard_deviation() -> None:
    made = fitted(column("n", *["0"] * 8, "-5", "5"), numbers=["n"])
    assert sample(made, n="5") == pytest.approx([5**0.5, 0])


def test_a_column_that_never_varied_tells_nothing() -> None:
    for values in (["3", "3"], ["", ""]):
        made = fitted(column("n", *values), numbers=["n"])
        assert sample(made, n="7") == [0, 0]
        assert sample(made, n="") == [0, 1]


def test_quantities_share_a_unit_where_all_have_one() -> None:
    made = fitted(column("size", '10"', "25.4 cm", "1 ft", "20 in", "no idea", ""), quantities=["size"])
    assert made.state()["scales"]["size"]["unit"] == "length"
    assert sample(made, size='10"') == sample(made, size="254mm")
    assert sample(made, size="no idea") == [0, 1]
    assert sample(made, size="10") == [0, 1]
    assert sample(made, size="10 kg") == [0, 1]
    plain = fitted(column("size", '10"', "20", "30 pieces"), quantities=["size"])
    assert plain.state()["scales"]["size"]["unit"] == ""
    assert sample(plain, size='30"') == sample(plain, size="30 cm")


@pytest.mark.parametrize(
    ("text", "base", "kind"),
    [
        ('37"', 93.98, "length"),
        ("45&quot;", 114.3, "length"),
        ("2.5 lbs", 1.13398, "mass"),
        ("1,299.00 USD", 1299, ""),
        ("1,5 kg", 1.5, "mass"),
        ("about 3 feet", 91.44, "length"),
        ("-4", -4, ""),
        ("16 oz.", 0.453592, "mass"),
        ("2 m", 200, "length"),
        ("12,000,000", 12e6, ""),
        ("5 mints", 5, ""),
    ],
)
def test_quantities_as_people_write_them(text: str, base: float, kind: str) -> None:
    found = parse_quantity(text)
    assert found is not None
    assert (found.base, found.kind) == (pytest.approx(base, rel=1e-5), kind)


def test_no_number_is_no_quantity() -> None:
    assert parse_quantity("large") is None


def test_the_most_frequent_values_are_kept() -> None:
    cells = column("kind", *"aaabbbccdd")
    made = fitted(cells, categories=["kind"], max_categories=2)
    assert made.state()["values"] == {"kind": ["a", "b"]}
    assert fitted(cells, categories=["kind"], rare=2).signature.cardinalities == (4,)
    assert fitted(cells, categories=["kind"], rare=0).signature.cardinalities == (6,)


@given(st.dictionaries(st.sampled_from(["n", "q", "c"]), st.text(max_size=8)))
def test_a_saved_state_gives_the_same_samples(said: dict[str, str]) -> None:
    options: dict[str, Any] = {"numbers": ["n"], "categories": ["c"], "quantities": ["q"]}
    cells = [{"n": str(i**4), "q": f"{i} kg", "c": "uv"[i % 2]} for i in range(9)]
    made, other = fitted(cells, **options), TabularPreprocessor(**options)
    other.restore(json.loads(json.dumps(made.state())))
    cell = {"q": "", "c": ""} | said | {"n": "3"}
    assert other.signature == made.signature
    assert sample(other, **cell) == sample(made, **cell)
    assert np.isfinite(sample(made, **cell)).all()


def test_columns_are_never_guessed() -> None:
    with pytest.raises(ConfigError, match="column 'b' is not listed: name it under numbers, quantities or categories"):
        fitted([{"a": "1", "b": "2"}], numbers=["a"])
    with pytest.raises(ConfigError, match="column 'z' is listed, but the modality has only a"):
        fitted([{"a": "1"}], numbers=["a"], categories=["z"])
    with pytest.raises(ConfigError, match="column 'a' is listed twice"):
        TabularPreprocessor(numbers=["a"], categories=["a"])
    with pytest.raises(ConfigError, match="max_categories at least 1"):
        TabularPreprocessor(max_categories=0)


@pytest.mark.parametrize(("value", "said"), [("old", "text where a number is due"), ("NaN", "leave the cell blank")])
def test_what_is_no_number_is_refused(value: str, said: str) -> None:
    with pytest.raises(TableError, match=said):
        fitted(column("age", "1", value), numbers=["age"])
    with pytest.raises(TableError, match="column 'age'"):
        fitted(column("age", "1", "2"), numbers=["age"]).prepare({"age": value})

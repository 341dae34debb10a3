"""Numbers written with a unit or other words: the first number counts, in centimetres or kilograms where known."""

from __future__ import annotations

import html
import re
from typing import NamedTuple

_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+,\d{1,2}(?![\d,])|\d*\.\d+|\d+\.?)", re.ASCII)
_UNIT = re.compile(r"\s*([a-z]+|[\"'″”′’]+)", re.IGNORECASE)
_LENGTH = {"mm": 0.1, "cm": 1.0, "m": 100.0, "in": 2.54, "ft": 30.48}  # in cm
_MASS = {"g": 0.001, "kg": 1.0, "oz": 0.028349523125, "lb": 0.45359237}  # in kg
_NAMES = {
    **{n: "in" for n in ("in", "inch", "inches", '"', "″", "”", "''")},
    **{n: "ft" for n in ("ft", "foot", "feet", "'", "′", "’")},
    **{n: "lb" for n in ("lb", "lbs", "pound", "pounds")},
    **{n: "oz" for n in ("oz", "ounce", "ounces")},
    **{n: "kg" for n in ("kg", "kgs", "kilogram", "kilograms")},
    **{n: "g" for n in ("g", "gr", "gram", "grams")},
    **{n: "cm" for n in ("cm", "centimeter", "centimeters", "centimetre", "centimetres")},
    **{n: "mm" for n in ("mm", "millimeter", "millimeters", "millimetre", "millimetres")},
    **{n: "m" for n in ("m", "meter", "meters", "metre", "metres")},
}


class Quantity(NamedTuple):
    """A number as written, and the same in the base unit of its kind ("length": cm, "mass": kg; "" is unknown)."""

    number: float
    base: float
    kind: str


def parse_quantity(text: str) -> Quantity | None:
    """The first number of a text with the unit that follows it; None where there is no number.

    >>> parse_quantity("37&quot; wide")
    Quantity(number=37.0, base=93.98, kind='length')
    >>> parse_quantity("1,299.00 USD")
    Quantity(number=1299.0, base=1299.0, kind='')
    """
    text = html.unescape(text)
    found = _NUMBER.search(text)
    if found is None:
        return None
    digits = found.group()
    is_decimal_comma = "," in digits and len(digits.rsplit(",", 1)[1]) < 3
    number = float(digits.replace(",", "." if is_decimal_comma else ""))
    after = _UNIT.match(text, found.end())
    unit = _NAMES.get(after.group(1).lower(), "") if after else ""
    kind = "length" if unit in _LENGTH else "mass" if unit in _MASS else ""
    return Quantity(number, number * (_LENGTH | _MASS).get(unit, 1.0), kind)

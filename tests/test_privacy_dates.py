"""Dates in text: found in every usual form, moved, written again in the same form; intervals stay."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.privacy.dates import dates, is_day_first, moved

BACK = timedelta(days=-40)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seen 2021-05-03T10:20:11+00:00.", "seen 2021-03-24T10:20:11+00:00."),
        ("2021/05/03 and 2021.05.03", "2021/03/24 and 2021.03.24"),
        ("on 03/05/2021, 25.12.98 and 1/2/2020", "on 24/03/2021, 15.11.98 and 23/12/2019"),
        ("12/25/2021 has no other reading", "11/15/2021 has no other reading"),
        ("May 3rd, 2021 and the 3rd of May 2021", "March 24th, 2021 and the 24th of March 2021"),
        ("3 MAY 2021; 3 dec 2021; Sept. 2019", "24 MARCH 2021; 24 oct 2021; Aug. 2019"),
        ("03-Jun-2021", "24-Apr-2021"),
        ("03-Jun-21, 3 jun 21 and 3/JUN/21.", "24-Apr-21, 24 apr 21 and 24/APR/21."),
        ("03-Mar-24", "23-Jan-24"),
        ("12-Apr-24 and 09 Apr 24", "3-Mar-24 and 29 Feb 24"),
        ("03/05/21 MS relapse, 03/05/21 L knee, 12/05/2021 m", "24/03/21 MS relapse, 24/03/21 L knee, 02/04/2021 m"),
    ],
)
def test_a_date_keeps_its_form(text: str, expected: str) -> None:
    assert moved(text, BACK)[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "order 2021-05-03-99",
        "A2021-05-03",
        "version 12.5.3",
        "it may 3 cm wide",
        "3.5 x 2.1 cm",
        "10/12",
        "may be",
        "12-14-16 mm",
        "10/12/14 mm",
        "4.5.20 MM",
        "12-14-16-week",
    ],
)
def test_what_is_no_date_stays(text: str) -> None:
    assert moved(text, BACK) == (text, [])
    assert dates(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "on 3 May",
        "3 May 10:30",
        "3 May 12 mm",
        "3 May 2.5 cm",
        "31-Feb-24",
        "the third of may",
        "may the twenty first",
        "June 3rd",
        "31/02/2020",
    ],
)
def test_a_day_that_cannot_be_moved_is_found(text: str) -> None:
    assert [one.day for one in dates(text)] == [None]


def test_which_number_is_the_day_is_told_by_the_other_dates() -> None:
    assert is_day_first(["25/12/2021", "3/4/2021"])
    assert not is_day_first(["12/25/2021", "3/4/2021"])
    assert is_day_first(["3/4/2021"])
    assert moved("03/05/2021", BACK, day_first=False)[0] == "01/24/2021"


@given(
    st.dates(date(1930, 1, 1), date(2035, 12, 31)),
    st.dates(date(1930, 1, 1), date(2035, 12, 31)),
    st.integers(31, 3650),
)
def test_intervals_are_kept(first: date, second: date, days: int) -> None:
    text = f"from {first.isoformat()} to {second.day} {second:%B %Y}"
    new = [one.day for one in dates(moved(text, timedelta(days=-days))[0])]
    assert new == [first - timedelta(days=days), second - timedelta(days=days)]

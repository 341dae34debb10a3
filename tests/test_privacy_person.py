"""What is said of one person: one pseudonym however it is written, one time line, nothing else changed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigError
from core.privacy import keep_key
from core.privacy.person import Person
from core.privacy.pseudonyms import Pseudonyms

KEY = bytes(range(32))
REPORT = (
    "THANDIWE OKONKWO, 93-year-old, MRN: 402281, seen 3 May 2021 by Dr. Jane Novak. Lives at 12 Quarry Lane, phone "
    "020 7946 0958. Follow-up 03/06/2021. Nodule of 12 mm, unchanged."
)


@pytest.fixture
def person() -> Person:
    found = Person("patient-0007", Pseudonyms(KEY))
    found.known.add_name("Okonkwo^Thandiwe", own=True)
    found.known.add_name("NOVAK^JANE", own=False)
    found.known.add_value("MRN-40 2281", "ID")
    return found


def test_everything_that_identifies_goes_and_the_finding_stays(person: Person) -> None:
    text = person.clean(REPORT).text
    for word in ("THANDIWE", "OKONKWO", "402281", "Novak", "Quarry", "7946", "93", "2021"):
        assert word not in text
    assert text.endswith("Nodule of 12 mm, unchanged.")
    assert "90+-year-old" in text
    assert text.startswith(f"[{person.name}], ")
    assert not person.left(text)


def test_the_original_is_told_by_kind(person: Person) -> None:
    person.clean("born 1928-02-03")
    left = person.left(REPORT)
    assert left == {"DATE": 2, "NAME": 2, "ID": 1, "PHONE": 1, "ADDRESS": 1, "AGE": 1}


def test_one_person_has_one_pseudonym_however_they_are_written(person: Person) -> None:
    for text in ("patient-0007", "Ms Okonkwo", "okonkwo was here", "THANDIWE", "Thandiwe, Okonkwo"):
        assert person.name in person.clean(text).text
    assert person.pseudonym("Okonkwo^T", "NAME") == person.name
    doctor = person.pseudonym("NOVAK^JANE", "NAME")
    assert f"[{doctor}]" in person.clean("Dr. Jane Novak").text
    assert f"[{doctor}]" in person.clean("told Novak").text


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("Garcia-Lopez, Xiomara", "Pt Lopez; GARCIA LOPEZ; garcia\u2013lopez; García", "Pt @; @; @; @"),
        ("O'Dwyer", "O Dwyer, O’Dwyer, ODwyer and Dwyer", "@ and @"),
        ("Müller", "Muller; Mueller; MÜLLER; Mu\u0308ller!", "@; @; @; @!"),
        ("MUELLER", "Frau Müller kam", "Frau @ kam"),
        ("Nuñez Weiß", "Nunez; Weiss; NUN\u0303EZ", "@; @; @"),
        ("Sørensen", "Sorensen; Soerensen", "@; @"),
        ("王小明", "患者王小明入院", "患者@入院"),
        ("Wang^Xiaoming=王^小明", "患者王小明入院", "患者@入院"),
        ("Day-Lewis Al-Head", "Lewis had a head on day two; al dente; AL HEAD", "@ had a head on day two; al dente; @"),
        ("Samuel Joe", "Jo and Sam", "Jo and Sam"),
    ],
)
def test_a_known_name_is_found_with_other_hyphens_and_accents(name: str, text: str, expected: str) -> None:
    person = Person("p", Pseudonyms(KEY))
    person.known.add_name(name, own=True)
    assert person.left(text)["NAME"] == expected.count("@")
    assert person.clean(text).text.replace(f"[{person.name}]", "@") == expected


def test_the_same_number_has_one_pseudonym_in_every_writing(person: Person) -> None:
    written, spoken = (person.clean(t).text for t in ("order 4122 came", "order four one double two came"))
    assert written == spoken


def test_the_key_decides() -> None:
    def cleaned(key: bytes) -> str:
        return Person("p", Pseudonyms(key)).clean("My name is Ana Silva, born 1980-02-03").text

    assert cleaned(KEY) == cleaned(KEY) != cleaned(bytes(32))


def test_all_dates_of_a_person_move_alike_and_of_two_persons_not() -> None:
    one, two = (Person(name, Pseudonyms(KEY)) for name in ("a", "b"))
    assert one.shift != two.shift
    assert one.shift.days <= -31


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["Dear", "Mr", "Okonkwo", "4122", "2021-05-03", "on 3 May", "call", "(415) 555-2671", "a@b.org", "is",
             "name", "aged 91", "12 mm", "lives at", "9 Elm Road,", "patient-0007", ".", "four one double two", "Novak"]
        ),
        max_size=12,
    )
)  # fmt: skip
def test_cleaning_twice_changes_nothing_and_leaves_nothing(words: list[str]) -> None:
    person = Person("patient-0007", Pseudonyms(KEY))
    person.known.add_name("Okonkwo^Thandiwe", own=True)
    once = person.clean(" ".join(words)).text
    assert not person.left(once)
    assert "Okonkwo" not in once
    assert "4122" not in once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("93 y.o. male, 93 y old, 93.5 years old", "90+ y.o. male, 90+ y old, 90+ years old"),
        ("Age : 93; age=93; Age (years): 93", "Age : 90+; age=90+; Age (years): 90+"),
        ("at the age of 95, aged ninety three", "at the age of 90+, aged 90+"),
        ("a ninety-three-year-old; one hundred and two years old", "a 90+-year-old; 90+ years old"),
        ("93F presents. This is a 102M with", "90+F presents. This is a 90+M with"),
        ("aged 89; 71 y.o., seventy years old", "aged 89; 71 y.o., seventy years old"),
        ("age: 93 days, aged 93.5 months, stage 93", "age: 93 days, aged 93.5 months, stage 93"),
        ("98.6 F; temp: 99F, a 101F fever", "98.6 F; temp: 99F, a 101F fever"),
    ],
)
def test_an_age_above_89_is_not_told(person: Person, text: str, expected: str) -> None:
    assert person.clean(text).text == expected
    assert not person.left(expected)
    assert person.left(text)["AGE"] == expected.count("+")


def test_a_birthday_of_more_than_90_years_ago_is_not_told(person: Person) -> None:
    cleaned = person.clean("DOB 03/03/1931, born March 1931. Seen 03/04/2024")
    assert re.fullmatch(r"DOB \[DATE_\w+\], born \[DATE_\w+\]. Seen \d\d/\d\d/20\d\d", cleaned.text)
    assert cleaned.kinds == {"DATE": 3}
    assert not person.left(cleaned.text)


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    key = keep_key(tmp_path / "key")
    assert keep_key(tmp_path / "key") == key
    assert len(key) == 32
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    (tmp_path / "other").write_text("abc")
    with pytest.raises(ConfigError, match="is no key"):
        keep_key(tmp_path / "other")

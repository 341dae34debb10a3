"""Sections of reports, where labels are named or denied, masking, and the language guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from domains.medical.reports import find, label_mentions, language, looks_english, mask, sections, select

PLAIN = """CT CHEST
CLINICAL INFORMATION: Cough for weeks.
TECHNIQUE
Helical, no contrast.
Comparison: None.
Findings:
LUNGS: A 9 mm nodule. No effusion.
HEART: normal.

IMPRESSION - Pulmonary nodule.
"""


def test_sections_of_mixed_headings() -> None:
    assert sections(PLAIN) == {
        "preamble": "CT CHEST",
        "history": "Cough for weeks.",
        "technique": "Helical, no contrast.",
        "comparison": "None.",
        "findings": "LUNGS: A 9 mm nodule. No effusion.\nHEART: normal.",
        "impression": "Pulmonary nodule.",
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("  \n ", {}),
        ("Clear lungs.", {"findings": "Clear lungs."}),
        ("FINDINGS:", {}),
        ("INDICATION: pain. FINDINGS: Clear. IMPRESSION: Normal.",
         {"history": "pain.", "findings": "Clear.", "impression": "Normal."}),
        ("**Findings:** Clear.\n**Conclusion:** Normal.", {"findings": "Clear.", "impression": "Normal."}),
        ("reason for exam: pain\nconclusion: normal", {"history": "pain", "impression": "normal"}),
        ("Findings: Clear.\nFindings: Really.", {"findings": "Clear.\nReally."}),
        ("The findings: as above. Study of history shows no findings", None),
        ("findings are clear\nhistory of cancer", None),
    ],
)  # fmt: skip
def test_sections(text: str, found: dict[str, str] | None) -> None:
    assert sections(text) == (found if found is not None else {"findings": text})


@pytest.mark.parametrize(
    "heading",
    [
        "\nIMPRESSION AND PLAN: ", "\nImpression / Recommendations:\n", "\nFindings/Impression: ",
        "\nFinal impression: ", "\nIMPRESSION (preliminary): ", "\nImpression \u2014 ", "\nIMPRESSION\uff1a",
        "\n[IMPRESSION] ", "\n=== IMPRESSION ===\n", "\n**Impression** ", "\n**2. Impression:** ", "\n- Impression: ",
        "\n\u2022 IMPRESSION: ", "\nII. IMPRESSION\n", "\n2) impression\n", " **IMPRESSION:** ", " IMPRESSION: ",
        "\r\nIMPRESSION\r\n", "\r\nimpression:\r\n",
    ],
)  # fmt: skip
def test_what_stands_under_a_heading_of_any_style_is_no_history(heading: str) -> None:
    text = f"HISTORY: known cough{heading}Nodule."
    assert select(text, use=("history",)) == "known cough"
    assert sections(text).popitem()[1] == "Nodule."


@pytest.mark.parametrize(
    "text",
    [
        "HISTORY: compared with the prior\nexamination of May",
        "HISTORY: she has a Plan: none",
        "HISTORY: **history** of cancer? Findings and\nimpression differ",
        "HISTORY: I. finding of no kind",
    ],
)
def test_words_in_running_text_are_no_headings(text: str) -> None:
    assert sections(text) == {"history": text.removeprefix("HISTORY: ")}


def test_a_long_line_of_signs_is_looked_through_at_once() -> None:
    text = "_" * 50_000 + "\n" + " " * 50_000 + "1." * 20_000 + "\nFINDINGS" + " " * 50_000 + "x"
    assert list(sections(text)) == ["findings"]


@given(st.text(alphabet="FINDGSfindgs: \n.HISTORYhistory-", max_size=80) | st.text(max_size=80))
def test_sections_invent_nothing(text: str) -> None:
    for part in sections(text).values():
        assert part.strip()
        assert all(line.strip() in text for line in part.splitlines())


def test_select_keeps_the_order_of_the_report() -> None:
    text = "FINDINGS: Clear.\nHISTORY: Pain.\nIMPRESSION: Normal."
    assert select(text) == "Clear.\nPain."
    assert select(text, use=("technique",)) == ""
    with pytest.raises(ConfigError, match=r"unknown section 'histroy'.*Did you mean 'history'"):
        select(text, use=("histroy",))
    with pytest.raises(ConfigError, match="name at least one section"):
        select(text, use=())


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("A nodule in the left lung.", False),
        ("No nodule.", True),
        ("No suspicious mass or nodule.", True),
        ("No effusion, but a nodule of 9 mm.", False),
        ("No effusion; nodule on the left.", False),
        ("Lungs without evidence of nodules.", True),
        ("The nodule seen formerly is no longer seen.", True),
        ("A nodule was excluded.", True),
        ("No significant change of the nodule.", False),
        ("Rule out nodule.", True),
        ("Nodule, no effusion.", False),
        ("Nodule and no effusion seen.", False),
        ("There is no effusion although a nodule is present.", False),
        ("Not only a nodule is seen.", False),
        ("Negative for pulmonary nodules", True),
        ("Nodular lesion; effusion has resolved.", False),
        ("Nodules: none.", True),
        ("**Pulmonary nodules:** not seen", True),
        ("Nodule: absent; effusion: small", True),
        ("Nodule: no change", False),
        ("Nodule: 9 mm, negative on PET", False),
    ],
)
def test_negation(text: str, denied: bool) -> None:
    mentions = find(text, ["nodule"])
    assert [m.denied for m in mentions] == [denied]
    assert text[mentions[0].start : mentions[0].end] == mentions[0].words


def test_mentions_by_section_count_own_denied_and_other() -> None:
    texts = [
        "FINDINGS: Rounded focus.\nIMPRESSION: Nodule.",
        "FINDINGS: No nodule. Effusion.\nIMPRESSION: Effusion.",
        "FINDINGS: GGO on both sides.",
        "",
        "FINDINGS: No effusion.",
    ]
    labels = ["nodule", "effusion", "ground_glass", "nodule", "effusion"]
    found = label_mentions(texts, labels, synonyms={"ground_glass": ["GGO"]})
    assert (found.cases, found.empty) == (5, 1)
    assert (found.whole.cases, found.whole.own, found.whole.only_own, found.whole.own_denied) == (4, 3, 3, 1)
    assert found.by_section["impression"].share() == 1.0
    assert found.by_section["findings"].own == 2
    assert found.whole.other == 0
    assert found.words == {"effusion": 2, "nodule": 1, "ggo": 1}
    assert found.lines()[0] == "5 texts, 1 empty"
    assert found.lines()[1].startswith("whole text: 75% of 4 name their own label")


def test_a_label_of_another_class_is_counted_apart() -> None:
    found = label_mentions(["An effusion and a nodule."], ["nodule"], ["nodule", "effusion"])
    assert (found.whole.own, found.whole.other, found.whole.only_own) == (1, 1, 0)


def test_any_of_several_labels_of_a_case_is_its_own() -> None:
    labels = [("effusion", "nodule"), ("effusion",), ()]
    found = label_mentions(["A nodule.", "A nodule.", "A nodule."], labels).whole
    assert (found.cases, found.own, found.only_own, found.other) == (3, 1, 1, 2)


def test_mentions_refuse_what_does_not_fit() -> None:
    with pytest.raises(ConfigError, match="2 texts and 1 labels"):
        label_mentions(["a", "b"], ["x"])
    with pytest.raises(ConfigError, match="not a class: y; classes: x"):
        label_mentions(["a"], ["y"], ["x"])


@pytest.mark.parametrize(
    ("text", "words", "masked"),
    [
        ("Ground-glass opacities, ground glass", ["ground_glass"], "[MASK] opacities, [MASK]"),
        ("Opacity, opacities", ["opacity"], "[MASK], [MASK]"),
        ("One opacity", ["opacities"], "One [MASK]"),
        ("Metastases from a metastasis", ["metastasis"], "[MASK] from a [MASK]"),
        ("EFFUSIONS! diffusion", ["effusion"], "[MASK]! diffusion"),
        ("a pleural effusion, an effusion", ["effusion", "pleural effusion"], "a [MASK], an [MASK]"),
        ("bronchi, bronchus", ["bronchus"], "[MASK], [MASK]"),
        ("COVID-19 pneumonia", ["covid 19"], "[MASK] pneumonia"),
        ("COVID19, covid\u201119", ["covid-19"], "[MASK], [MASK]"),
        ("groundglass, ground\u2013glass", ["ground_glass"], "[MASK], [MASK]"),
        ("small pneumothoraces, a varix, varices", ["pneumothorax", "varices"], "small [MASK], a [MASK], [MASK]"),
        ("a mass, an abscess, an embolus", ["masses", "abscesses", "emboli"], "a [MASK], an [MASK], an [MASK]"),
        ("disease of the valve", ["diseases", "valves"], "[MASK] of the [MASK]"),
        ("Oedema, a haematoma, tumours", ["edema", "hematoma", "tumor"], "[MASK], a [MASK], [MASK]"),
        (
            "edemas, a hematoma, tumors of colour",
            ["oedema", "haematoma", "tumour"],
            "[MASK], a [MASK], [MASK] of colour",
        ),
        ("a _nodule_ of the massif", ["nodule", "mass"], "a _[MASK]_ of the massif"),
    ],
)
def test_mask(text: str, words: list[str], masked: str) -> None:
    assert mask(text, words) == masked


@given(st.text(max_size=60), st.sampled_from(["nodule", "ground glass", "opacity", "mass"]))
def test_nothing_is_found_after_masking(text: str, word: str) -> None:
    planted = f"{text} {word.upper()} {text}"
    once = mask(planted, [word], "#")
    assert find(planted, [word])
    assert not find(once, [word])
    assert mask(once, [word], "#") == once


def test_mask_keeps_a_token_as_it_is_and_refuses_no_word() -> None:
    assert mask("nodule", ["nodule"], r"\1") == r"\1"
    with pytest.raises(ConfigError, match="at least one word"):
        mask("text", [])
    with pytest.raises(ConfigError, match="an empty word"):
        mask("text", ["a", " "])


SPOKEN = {
    "en": "The lungs are clear and there is no pleural effusion on the left or the right side.",
    "de": "Kein Nachweis eines Pleuraergusses, die Lunge ist beidseits frei und ohne Herdbefund.",
    "fr": "Les poumons sont clairs, sans nodule, et la plèvre est libre dans les deux hémithorax.",
    "es": "Los pulmones son normales, sin nódulos, y no se observa derrame pleural en el lado izquierdo.",
    "it": "Il parenchima polmonare è normale, senza noduli; non si osserva versamento nel lato sinistro della pleura.",
    "nl": "Er zijn geen noduli in de longen en het hart is niet vergroot, zonder vocht bij de pleura.",
    "pt": "Os pulmões são normais, sem nódulos, e não há derrame pleural no lado esquerdo do tórax.",
    "other": "В легких очаговых и инфильтративных изменений не выявлено, плевральные полости свободны.",
}


@pytest.mark.parametrize("name", SPOKEN)
def test_language_of_a_report(name: str) -> None:
    assert language(SPOKEN[name]) == name
    assert looks_english(SPOKEN[name]) is (name == "en")


@pytest.mark.parametrize(
    "text", ["", "No nodule.", "Normal chest CT. No nodule. No effusion. No pneumothorax. Heart normal."]
)
def test_what_cannot_be_told_passes(text: str) -> None:
    assert looks_english(text)

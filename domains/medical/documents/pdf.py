"""A result as a PDF, in the DejaVu font that comes with matplotlib: Latin, Greek, Cyrillic and more.

Characters that the font lacks, such as Chinese ones, are drawn as a box, and the page says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import MissingExtraError
from domains.medical import answer
from domains.medical.documents.result import PLACES, Result

if TYPE_CHECKING:
    from fpdf import FPDF

_BOX, _FONT = "□", "DejaVu"
_GREY, _BLUE, _AMBER = (90, 97, 108), (47, 125, 225), (255, 243, 214)
_WIDTH = 170.0  # mm between the margins


def to_pdf(result: Result) -> bytes:
    """The document; the same result gives the same bytes.

    Raises:
        MissingExtraError: if fpdf2 or matplotlib's font is not installed.
    """
    page = _Page(result)
    page.head()
    page.answer()
    page.probabilities()
    page.shares()
    page.notes()
    return bytes(page.pdf.output())


class _Page:
    """The document while it is written, from top to bottom."""

    def __init__(self, result: Result) -> None:
        self.result, self.found = result, result.found
        self.pdf = _empty(result)
        self.known = _letters(self.pdf)
        self.boxes = 0

    def head(self) -> None:
        """What this is, and what it must not be taken for."""
        self._line(self.result.title, 15, bold=True)
        self._line(self.result.disclaimer, 10, colour=_GREY)
        self._line(f"Case {self.found.id}", 11)
        model = f"Model {self.result.model}, trained {self.result.trained}, Polyfuse {self.result.version}"
        self._line(f"{model}. Made {self.result.made}.", 8, colour=_GREY)
        self.pdf.ln(3)

    def answer(self) -> None:
        """The answer, how sure it is, and whether a person has to decide."""
        self._line(answer.headline(self.found), 18, bold=True, colour=_BLUE)
        if sure := answer.how_sure(self.found):
            self._line(sure, 11)
        if self.found.refer:
            self.pdf.set_fill_color(*_AMBER)
            self._line(f"Refer to a person: {'; '.join(self.found.refer)}.", 11, bold=True, fill=True)
        self.pdf.ln(2)

    def probabilities(self) -> None:
        """The probability of every label, with a bar, and which of them cannot be ruled out."""
        possible = self.found.conformal_set or self.found.labels
        rows = [
            (answer.label(k), f"{p:.{PLACES}f}", p, "cannot be ruled out" if k in possible else "")
            for k, p in self.result.probabilities().items()
        ]
        rows += [(k, f"{v:.{PLACES}f}", 0.0, "") for k, v in self.result.numbers().items()]
        self._title("Calibrated probability" if self.found.value is None else "Predicted number")
        for name, value, share, note in rows:
            self._bar(name, value, share, note)
        if self.found.coverage is not None:
            self._line(f"Promised coverage of the set: {self.found.coverage:.{PLACES}f}.", 9, colour=_GREY)

    def shares(self) -> None:
        """What each kind of data adds, what the answer is without it, and what is missing."""
        without = self.result.without()
        if shares := self.result.shares():
            self._title("What each kind of data adds, and the answer without it")
            for m, share in shares.items():
                gone = f"without it {without[m]:.{PLACES}f}" if m in without else ""
                self._bar(answer.name(m), f"{share:+.{PLACES}f}", 0.0, gone)
        missing = [answer.name(m) for m in self.found.missing if m not in self.result.off]
        for words, names in (("Missing in this case", missing), ("Switched off", map(answer.name, self.result.off))):
            if listed := ", ".join(names):
                self._line(f"{words}: {listed}.", 10)

    def notes(self) -> None:
        """What the reader should know, and characters that could not be drawn."""
        if self.result.notes:
            self._title("Notes")
        for note in self.result.notes:
            self._line(f"• {note}", 9)
        if self.boxes:
            self._line(
                f"{self.boxes} characters are not in this document's font and stand as {_BOX}; the FHIR and JSON files "
                "hold them.", 9,
            )  # fmt: skip

    def _title(self, text: str) -> None:
        self.pdf.ln(2)
        self._line(text, 11, bold=True)

    def _bar(self, name: str, value: str, share: float, note: str) -> None:
        """A row of a table: name, figure, a bar of that share of its room, and a note."""
        pdf = self.pdf
        pdf.set_font(_FONT, "", 10)
        pdf.set_text_color(0, 0, 0)
        name = self._drawn(name)
        high = float(pdf.multi_cell(60, 5.5, name, align="L", dry_run=True, output="HEIGHT"))  # type: ignore[arg-type]
        if pdf.will_page_break(high):
            pdf.add_page()
        left, top = pdf.l_margin, pdf.get_y()
        pdf.multi_cell(60, 5.5, name, align="L", new_x="RIGHT", new_y="TOP")
        pdf.set_xy(left + 62, top)
        pdf.cell(20, 5.5, value, align="R")
        if share > 0:
            pdf.set_fill_color(*_BLUE)
            pdf.rect(left + 86, top + 1.2, max(40 * share, 0.3), 3.2, style="F")
        pdf.set_xy(left + 130, top)
        pdf.set_text_color(*_GREY)
        pdf.cell(40, 5.5, self._drawn(note))
        pdf.set_xy(left, top + high)

    def _line(
        self, text: str, size: int, *, bold: bool = False, colour: Sequence[int] = (0, 0, 0), fill: bool = False
    ) -> None:
        self.pdf.set_font(_FONT, "B" if bold else "", size)
        self.pdf.set_text_color(*colour)
        self.pdf.multi_cell(_WIDTH, size * 0.5, self._drawn(text), align="L", fill=fill, new_x="LMARGIN", new_y="NEXT")

    def _drawn(self, text: str) -> str:
        """The text with a box for every character that the font lacks."""
        lacking = {c for c in text if ord(c) not in self.known and not c.isspace()}
        self.boxes += sum(text.count(c) for c in lacking)
        return text.translate(dict.fromkeys(map(ord, lacking), _BOX))


def _empty(result: Result) -> FPDF:
    try:
        from fpdf import FPDF
    except ImportError as error:
        raise MissingExtraError("fpdf2", "documents", "a PDF") from error
    pdf = FPDF(format="A4")
    for style, file in _fonts().items():
        pdf.add_font(_FONT, style, file)
    pdf.set_margins(20, 18)
    pdf.set_auto_page_break(True, 18)
    pdf.set_title(result.title)
    pdf.set_creator("Polyfuse")
    pdf.set_lang("en")
    pdf.set_creation_date(datetime.fromisoformat(result.made))
    pdf.add_page()
    return pdf


def _letters(pdf: FPDF) -> set[int]:
    """The code points that the font can draw."""
    from fpdf.fonts import TTFFont

    font = pdf.fonts[_FONT.lower()]
    assert isinstance(font, TTFFont)
    return set(font.cmap)


def _fonts() -> Mapping[str, Path]:
    """The font's files by style."""
    try:
        import matplotlib
    except ImportError as error:
        raise MissingExtraError("matplotlib", "documents", "the font of a PDF") from error
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return {"": folder / "DejaVuSans.ttf", "B": folder / "DejaVuSans-Bold.ttf"}

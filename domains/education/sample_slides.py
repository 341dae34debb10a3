"""The slides of the sample lectures as pictures: a title, bullets that appear one by one, a figure that may move."""

from __future__ import annotations

import textwrap

from PIL import Image, ImageDraw, ImageFont

from domains.education import sample_figures
from domains.education.sample_content import SampleLecture, Slide

SIZE = (960, 540)
_PAPER, _BAND = (252, 252, 250), (33, 66, 112)


def title_slide(lecture: SampleLecture) -> Image.Image:
    """The first slide of a lecture."""
    image = Image.new("RGB", SIZE, _BAND)
    d = ImageDraw.Draw(image)
    d.text((70, 190), lecture.title, "white", ImageFont.load_default(52))
    d.text((72, 275), "Statistics in short", (200, 214, 235), ImageFont.load_default(28))
    d.text((72, 460), "Synthetic sample lecture", (150, 170, 200), ImageFont.load_default(20))
    return image


def slide(content: Slide, number: int, shown: int, moment: float = 0.0) -> Image.Image:
    """A slide with its first ``shown`` bullets; ``moment`` from 0 to 1 is how far a moving figure has come."""
    image = Image.new("RGB", SIZE, _PAPER)
    d = ImageDraw.Draw(image)
    d.rectangle((0, 0, SIZE[0], 92), _BAND)
    d.text((40, 24), content.title, "white", ImageFont.load_default(38))
    d.text((SIZE[0] - 40, 512), str(number), sample_figures.INK, ImageFont.load_default(18), anchor="ra")
    y = 140
    for written, _ in content.bullets[:shown]:
        d.ellipse((40, y + 11, 52, y + 23), sample_figures.ORANGE)
        for line in textwrap.wrap(written, 32):
            d.text((68, y), line, sample_figures.INK, ImageFont.load_default(27))
            y += 36
        y += 24
    sample_figures.draw(content.figure, d, moment)
    return image

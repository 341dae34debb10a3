"""The pages of the education app."""

from __future__ import annotations

from apps.ui.pages import Pages

PAGES = Pages(
    "education",
    {
        "lecture": ("Lecture", ":material/slideshow:"),
        "class": ("Class", ":material/groups:"),
        "learner": ("Learner", ":material/person:"),
        "grading": ("Grading", ":material/grading:"),
        "risk": ("At risk", ":material/support:"),
        "record": ("Record", ":material/history:"),
        "import": ("Import", ":material/upload_file:"),
        "train": ("Train and compare", ":material/model_training:"),
        "model": ("Model", ":material/fact_check:"),
    },
)

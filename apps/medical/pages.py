"""The pages of the medical app."""

from __future__ import annotations

from apps.ui.pages import Pages

PAGES = Pages(
    "medical",
    {
        "start": ("Open a case", ":material/folder_open:"),
        "case": ("Case", ":material/radiology:"),
        "record": ("Record", ":material/history:"),
        "train": ("Train and compare", ":material/model_training:"),
        "model": ("Model", ":material/fact_check:"),
    },
)
page, all_pages, boundary = PAGES.page, PAGES.all_pages, PAGES.boundary

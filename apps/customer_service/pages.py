"""The pages of the customer-service app, and what it must not be taken for."""

from __future__ import annotations

from apps.ui.pages import Pages

DISCLAIMER = "Suggests only: nothing is sent by itself. No inference about the emotions of customers or agents."
PAGES = Pages(
    "customer_service",
    {
        "agent": ("Agent", ":material/support_agent:"),
        "supervisor": ("Supervisor", ":material/monitoring:"),
        "knowledge": ("Knowledge base", ":material/menu_book:"),
        "routing": ("Routing", ":material/alt_route:"),
        "record": ("Record", ":material/history:"),
        "train": ("Train and compare", ":material/model_training:"),
        "model": ("Model", ":material/fact_check:"),
    },
)

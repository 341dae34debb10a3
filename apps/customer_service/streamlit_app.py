"""Entry of the customer-service app: ``streamlit run apps/customer_service``. Pages and nothing else."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing is fetched while conversations are open
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that wait leave the core to others

import streamlit as st

from apps.customer_service.pages import PAGES

st.set_page_config("Polyfuse customer service", "🎧", layout="wide")
st.navigation(PAGES.all_pages(), position="top").run()

"""Entry of the medical app: ``streamlit run apps/medical``. Pages and nothing else."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing is fetched while cases are open
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that wait leave the core to others

import streamlit as st

from apps.medical import pages

st.set_page_config("Polyfuse medical", "🩻", layout="wide")
st.navigation(pages.all_pages(), position="top").run()

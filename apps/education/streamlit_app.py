"""Entry of the education app: ``streamlit run apps/education``. Pages and nothing else."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing is fetched while records of learners are open
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that wait leave the core to others

import streamlit as st

from apps.education import pages

st.set_page_config("Polyfuse education", "🎓", layout="wide")
st.navigation(pages.PAGES.all_pages(), position="top").run()

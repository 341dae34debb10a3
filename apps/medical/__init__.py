"""The medical front end: ``streamlit run apps/medical``."""

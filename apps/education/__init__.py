"""The education front end: ``streamlit run apps/education``."""

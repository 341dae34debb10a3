"""The customer-service front end: ``streamlit run apps/customer_service``."""

"""CT images, reports and clinical columns to a diagnosis. Research use; not a medical device."""

from domains.medical.denial import contradictions as review
from domains.medical.diagnosis import DISCLAIMER, Diagnosis
from domains.medical.naming import screen

__all__ = ["DISCLAIMER", "Diagnosis", "review", "screen"]

"""What a customer wants, where it goes and what to answer, from speech, text, the dialogue so far and behaviour."""

from domains.customer_service.intent import Detection, IntentDetector
from domains.customer_service.replies import ReplySuggester, Suggestion

__all__ = ["Detection", "IntentDetector", "ReplySuggester", "Suggestion"]

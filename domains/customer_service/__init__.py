"""What a customer wants, where it goes and what to answer, from speech, text, the dialogue so far and behaviour."""

from domains.customer_service.beside import Beside
from domains.customer_service.intent import Detection, IntentDetector
from domains.customer_service.replies import ReplySuggester, Suggestion
from domains.customer_service.sides import accept, screen
from domains.customer_service.streaming import TurnStream, detect_growing

__all__ = [
    "Beside", "Detection", "IntentDetector", "ReplySuggester", "Suggestion", "TurnStream", "accept", "detect_growing",
    "screen",
]  # fmt: skip

"""Personal data out of sight: in a text, in sound with known words, and in a whole table with all its files."""

from core.privacy.columns import Roles, roles_of
from core.privacy.outcome import Outcome
from core.privacy.pseudonyms import keep_key
from core.privacy.table import deidentify, listener

__all__ = ["Outcome", "Roles", "deidentify", "keep_key", "listener", "roles_of"]

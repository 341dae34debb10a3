"""Names that stand for names: the same thing under the same key gets the same one, and without the key none leads back.

A pseudonym is ten consonants of an HMAC-SHA-256: no word, no digit, nothing that a rule for personal data would find.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import timedelta
from pathlib import Path

from core.errors import ConfigError, FileError

_LETTERS = "bcdfghjkmnpqrstvwxz"
_LENGTH = 10  # 19^10 = 6 * 10^12 pseudonyms
SHIFTS = (31, 3650)  # days back: never fewer than a month, so that no date stays in its month


class Pseudonyms:
    """Pseudonyms and date shifts under one key.

    Args:
        key: the secret; None: a new one that is known to nobody and gone with this object.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)

    def code(self, *what: str) -> str:
        """Ten letters for a value.

        >>> Pseudonyms(b"a").code("Ana") == Pseudonyms(b"a").code("Ana") != Pseudonyms(b"b").code("Ana")
        True
        """
        number, letters = self._number(*what), ""
        for _ in range(_LENGTH):
            number, place = divmod(number, len(_LETTERS))
            letters += _LETTERS[place]
        return letters

    def shift(self, person: str) -> timedelta:
        """By how much all dates of a person are moved, always whole days into the past."""
        low, high = SHIFTS
        return -timedelta(days=low + self._number("shift", person) % (high - low + 1))

    def uid(self, old: str) -> str:
        """A DICOM unique identifier for another: a number of 122 bits under the root 2.25 (DICOM PS3.5, B.2)."""
        return f"2.25.{self._number('uid', old) >> 134}"

    def _number(self, *what: str) -> int:
        return int.from_bytes(hmac.digest(self._key, "\0".join(what).encode(), "sha256"))


def keep_key(path: Path) -> bytes:
    """The key in a file; where there is no file yet, a new key is put there, for its owner to read alone.

    Raises:
        ConfigError: if the file holds something else.
        FileError: if it cannot be read or written.
    """
    try:
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32) + "\n", encoding="ascii")
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise FileError(
            f"{path}: the key cannot be read or written ({error.strerror}); choose another place"
        ) from error
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ConfigError(
            f"{path}: is no key (64 hexadecimal digits); name a file that an earlier run wrote, or a new one"
        )
    return key

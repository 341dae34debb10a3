"""How many threads compute an answer: one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lock = threading.Lock()
_inside, _others = 0, 0  # how many callers are inside, and how many threads torch had before the first


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch computes on the caller's thread alone inside: an answer to one case is too small to share.

    Two threads won nothing on a sentence and took the core from the next session. Callers may come at once; when they
    are gone, torch has as many threads as before.
    """
    global _inside, _others
    now = torch.get_num_threads()  # asked in each thread: torch prepares it for threads at the first call
    with _lock:
        if not _inside:
            _others = now
        _inside += 1
        others = _others
    torch.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
        torch.set_num_threads(others)

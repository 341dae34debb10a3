"""Read a stranger's file in a process of its own, with a limit of time and of memory.

A damaged file can make a decoder written in C loop for ever, abort, or take all memory, and no ``except`` catches that.
Here the worker ends instead, and the caller gets an error in words. Workers stay warm: a call costs a message.

Not promised: a wall against a file that takes a decoder over, since a worker has the rights of its user. Where the
system sets no limits of memory (Windows, partly macOS), only the time is limited.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import traceback
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any, Self, TextIO

from core.errors import FileError, PolyfuseError

SECONDS, MEMORY = 60.0, 4 << 30  # of one call
_START_SECONDS = 180.0  # to import the reader's libraries on a busy machine
_LEAST_CPU = 5.0  # seconds that a worker whose parent is gone may still compute


class SandboxError(FileError):
    """A reader that did not survive its file: too slow, too large, ended by the system, or a fault of its own."""


class Sandbox:
    """Up to ``workers`` warm processes that call readers on files.

    >>> with Sandbox() as sandbox:
    ...     sandbox.call(os.path.basename, Path("/tmp/scan.dcm"))
    'scan.dcm'
    """

    def __init__(self, seconds: float = SECONDS, memory: int = MEMORY, workers: int = 2) -> None:
        """``seconds`` of a call; ``memory``: bytes that it may take besides what the worker holds already."""
        self.seconds, self.memory = seconds, memory
        self._places = threading.BoundedSemaphore(workers)
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers; a later call starts new ones."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait().end()

    def call(self, function: Callable[..., Any], *paths: Path, limit: float | None = None, **options: Any) -> Any:
        """Call a function of a module on paths and JSON options; its result where that is JSON, else None.

        An iterator is read to its end. ``limit``: seconds, where the sandbox's do not suit.

        Raises:
            SandboxError: if the reader does not survive the file.
            FileError: what the reader says against the file; of any other ``PolyfuseError`` the message alone.
        """
        seconds = self.seconds if limit is None else limit
        task = {
            "function": f"{function.__module__}:{function.__qualname__}",
            "paths": [str(p) for p in paths],
            "options": options,
            "seconds": seconds,
            "memory": self.memory,
        }
        with self._places:
            worker = self._take()
            reply = worker.ask(task, seconds)
            if reply.keys() <= {"result", "told"}:
                self._idle.put(worker)
            else:
                worker.end()
        if "told" in reply:
            raise FileError(reply["told"])
        if "result" not in reply:
            raise SandboxError(f"{_names(paths)}: {self._words(reply, seconds)}; it is not opened, export it again")
        return reply["result"]

    def try_reading(self, reader: Callable[..., Any], *paths: Path, limit: float | None = None, **options: Any) -> None:
        """Find out whether a reader survives files. What it says against them is left for it to say when it is used.

        Raises:
            SandboxError: if it does not.
        """
        try:
            self.call(reader, *paths, limit=limit, **options)
        except SandboxError:
            raise
        except FileError:
            return

    def _take(self) -> _Worker:
        """A warm worker that still lives, else a new one: the system may have ended one that waited."""
        with contextlib.suppress(queue.Empty):
            while True:
                worker = self._idle.get_nowait()
                if worker.lives():
                    return worker
                worker.end()
        return _Worker()

    def _words(self, reply: dict[str, Any], seconds: float) -> str:
        if "slow" in reply:
            return f"reading it takes longer than {seconds:g} s"
        if "memory" in reply:
            return f"reading it takes more than {self.memory / 2**30:g} GiB of memory"
        return reply.get("failed") or f"its reader was ended by the system ({reply['ended']})"


@cache
def shared() -> Sandbox:
    """The sandbox of this process, for all its sessions."""
    return Sandbox()


def _names(paths: tuple[Path, ...]) -> str:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{paths[0]}{more}" if paths else "the file"


class _Worker:
    """One process; it writes to a temporary folder of its own that goes with it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="polyfuse-sandbox-", ignore_cleanup_errors=True)
        environment = os.environ | {"TMPDIR": self._folder.name, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "core.sandbox"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, encoding="utf-8",
        )  # fmt: skip
        self.end = weakref.finalize(self, _end, self._process, self._folder)

    def lives(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def ask(self, task: dict[str, Any], seconds: float) -> dict[str, Any]:
        """The reply to a task, or how the process ended."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(task) + "\n")
            self._process.stdin.flush()
        reply = self._line(_START_SECONDS)
        return self._line(seconds) if "ready" in reply else reply

    def _line(self, seconds: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        slow = threading.Event()

        def stop() -> None:
            slow.set()
            self._process.kill()

        timer = threading.Timer(seconds, stop)
        timer.start()
        line = self._process.stdout.readline()
        timer.cancel()
        if line:
            found: dict[str, Any] = json.loads(line)
            return found
        code = self._process.wait()
        return {"slow": True} if slow.is_set() else {"ended": f"signal {-code}" if code < 0 else f"exit code {code}"}


def _end(process: subprocess.Popen[str], folder: tempfile.TemporaryDirectory[str]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):  # what could not be sent any more
                pipe.close()
    folder.cleanup()


def _serve() -> None:
    """The worker: a task a line, a reply a line. Whatever libraries print goes nowhere: it could quote a case."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    for line in sys.stdin:
        task = json.loads(line)
        _limit(_START_SECONDS, task["memory"])  # the limit of the call before may be nearly used up
        module, _, name = task["function"].partition(":")
        function = attrgetter(name)(importlib.import_module(module))
        _send(answers, {"ready": True})
        _limit(task["seconds"], task["memory"])
        _send(answers, _outcome(function, [Path(p) for p in task["paths"]], task["options"]))


def _outcome(function: Callable[..., Any], paths: list[Path], options: dict[str, Any]) -> dict[str, Any]:
    try:
        found = function(*paths, **options)
        if isinstance(found, Iterator):
            deque(found, maxlen=0)
        return {"result": found}
    except PolyfuseError as error:
        return {"told": str(error)}
    except MemoryError:
        return {"memory": True}
    except Exception as error:  # a fault of the reader: its kind and place, since its message could quote a case
        last = traceback.extract_tb(error.__traceback__)[-1]
        return {"failed": f"its reader fails ({type(error).__name__} in {Path(last.filename).name}:{last.lineno})"}


def _send(answers: TextIO, reply: dict[str, Any]) -> None:
    answers.write(json.dumps(reply, default=lambda _: None) + "\n")
    answers.flush()


def _limit(seconds: float, memory: int) -> None:
    """Limit the next call: memory on top of what is held, and processor time should the parent be gone."""
    try:
        import resource
    except ImportError:  # Windows
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = used.ru_utime + used.ru_stime
    processor = seconds * (os.cpu_count() or 1)  # a decoder of video computes in many threads
    limits = {resource.RLIMIT_CPU: int(spent + processor + _LEAST_CPU), resource.RLIMIT_CORE: 0}
    statm = Path("/proc/self/statm")
    if statm.is_file():
        limits[resource.RLIMIT_AS] = int(statm.read_text().split()[0]) * resource.getpagesize() + memory
    for what, soft in limits.items():
        most = resource.getrlimit(what)[1]
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(what, (soft if most == resource.RLIM_INFINITY else min(soft, most), most))


if __name__ == "__main__":
    _serve()

"""The command ``polyfuse``: what its process is told before torch is loaded, which reads it then."""

import os


def main() -> int:
    """Run the command line, see ``apps.cli``; nothing is reported to anybody, and threads that wait sleep.

    By default torch's threads spin while they wait for each other: with two cores, one of them taken by another
    program, a sentence's vector took 385 ms on two threads, and 35 ms asleep.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from apps.cli import main

    return main()

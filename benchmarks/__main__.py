"""Run one benchmark by name, or all of them, each in its own process."""

import pkgutil
import subprocess
import sys

import benchmarks

if __name__ == "__main__":
    known = sorted(
        m.name
        for m in pkgutil.iter_modules(benchmarks.__path__)
        if m.name not in ("__main__", "report") and not m.ispkg
    )
    wanted = sys.argv[1:2] or known
    if unknown := [name for name in wanted if name not in known]:
        sys.exit(f"no benchmark {unknown[0]!r}; there are {', '.join(known)}")
    for name in wanted:
        print(f"== {name}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *sys.argv[2:]], check=False)

"""Measurements: ``python -m benchmarks`` runs all, ``python -m benchmarks NAME`` one; figures go to results/."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as in the apps and the command line

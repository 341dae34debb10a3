"""Measurements: ``python -m benchmarks`` runs all, ``python -m benchmarks NAME`` one; figures go to results/."""

"""Parts of ``benchmarks.fuzz``: sound files, damage to them, and the readers that they are given to."""

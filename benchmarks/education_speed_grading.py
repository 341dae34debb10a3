"""Cost of grading: 1,000 answers of the generated sample course, and one answer with its words and neighbours.

The first pass encodes every text, the second finds them in the cache; both write what ``Grader.grade_table`` returns.
"""

import resource
import tempfile
from pathlib import Path

import pandas as pd

from benchmarks.report import save, timed
from core.cache import FeatureCache
from core.progress import Bars
from domains.education.grading import Grader

SAMPLE = Path(__file__).parent.parent / "sample_data/education/answers.csv"
ROWS = 1000


def measure(folder: Path) -> dict[str, float]:
    """Seconds and peak memory on one trained model; training itself is timed too."""
    table = pd.read_csv(SAMPLE, dtype=str, keep_default_na=False)
    found: dict[str, float] = {"answers": ROWS}
    grader = Grader(keep_answers=True)
    with timed(found, "training_seconds"), Bars() as progress:
        grader.fit(table, out=folder / "run", progress=progress)
    later = table[table["split"] == "test"].head(ROWS).assign(grade="")
    later["answer"] = later["answer"] + " ."  # no text that training has cached
    again = Grader.load(folder / "run/bundle", FeatureCache(folder / "cache"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name in ("first_seconds", "again_seconds"):
        with timed(found, name):
            again.grade_table(later)
    found["memory_gain_mb"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    row = later.iloc[0]
    case = {name: row[name] for name in ("answer", "question", "reference")}
    with timed(found, "one_with_reasons_seconds"):
        again.grade(**case)
    with timed(found, "one_with_reasons_again_seconds"):
        again.grade(**case)
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        save("education_speed_grading", measure(Path(scratch)))

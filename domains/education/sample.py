"""The sample course: lecture videos with captions, questions, and simulated learners with their answers and clicks.

    python -m domains.education.sample OUT --learners 3000 --seed 7

All of it is synthetic: the statistics taught are real, the learners are not. The lectures are copied from the
repository; ``--render`` makes them anew, which needs espeak-ng. A learner depends on the seed and its number only. The
folder ``truth`` tells how the set was made (slides, mastery, traits): for tests and studies, never for training.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.atomic import replace_folder
from core.errors import ConfigError
from core.progress import Bars, Progress, silent
from domains.education import sample_content, sample_learners, sample_tables
from domains.education.sample_learners import PRESENTATIONS, RUNNING

OURS = Path(__file__).resolve().parents[2] / "sample_data" / "education"
_MARK = "sample.json"
_HELD = {"lectures", "truth", *sample_tables.FILES, "README.md", _MARK}


def generate(
    folder: Path, learners: int = 240, seed: int = 7, *, render: bool = False, progress: Progress = silent
) -> Path:
    """Write the course with ``learners`` learners and return its folder.

    A set made before is replaced as a whole; a folder with anything else in it is refused.

    Raises:
        ConfigError: for a folder that is not ours, or less than one learner.
        FileError: if lectures are to be rendered without espeak-ng.
    """
    if learners < 1:
        raise ConfigError(f"learners: at least 1 is needed, found {learners}")
    _check_ours(folder)
    with replace_folder(folder) as new:
        truths = _lectures(new, folder, render, progress)
        made = []
        for number in range(learners):
            one = sample_learners.draw(number, seed)
            made.append(sample_learners.simulate(one, number, seed, truths))
            progress("sample learners", number + 1, learners)
        sample_tables.write(new, made, {t["lecture"]: t["seconds"] for t in truths})
        (new / "README.md").write_text(_readme(learners, seed), encoding="utf-8")
        facts = {"made_by": "domains.education.sample", "learners": learners, "seed": seed, "synthetic": True}
        (new / _MARK).write_text(json.dumps(facts) + "\n", encoding="utf-8")
    return folder


def _lectures(new: Path, old: Path, render: bool, progress: Progress) -> list[dict[str, Any]]:
    """Videos, captions and the truth about them: copied from the repository, or made."""
    (new / "truth").mkdir()
    if render:
        from domains.education import sample_video

        all_of_them = sample_content.lectures()
        truths = []
        for i, lecture in enumerate(all_of_them, 1):
            truths.append(sample_video.write(sample_video.speak(lecture), new / "lectures"))
            progress("sample lectures", i, len(all_of_them))
    else:
        shutil.copytree(OURS / "lectures", new / "lectures")
        truths = json.loads((OURS / "truth" / "lectures.json").read_text(encoding="utf-8"))
    (new / "truth" / "lectures.json").write_text(json.dumps(truths, indent=1) + "\n", encoding="utf-8")
    return truths


def _check_ours(folder: Path) -> None:
    """Refuse to replace a folder unless all of it was made here."""
    if not folder.exists():
        return
    held = {entry.name for entry in folder.iterdir()} if folder.is_dir() else {folder.name}
    strange = held - _HELD
    if held and (strange or _MARK not in held):
        named = ", ".join(sorted(strange or held)[:4])
        raise ConfigError(
            f"{folder}: holds what this generator did not make ({named}) and is left alone; choose another folder"
        )


def _readme(learners: int, seed: int) -> str:
    return f"""# Generated sample course

Synthetic: {learners} simulated learners of three presentations ({", ".join(PRESENTATIONS)}), drawn by

    python -m domains.education.sample sample_data/education --learners {learners} --seed {seed}

The lectures (`lectures/`, spoken by a speech synthesiser; `--render` makes them anew) and questions were written for
this project. Nobody stands behind the learners; their names are made up.

| file | a row is |
|---|---|
| `questions.csv` | a question with its reference answer, concept and module (lecture) |
| `answers.csv` | an answer with its grade ({", ".join(sample_content.GRADES)}), attempt and time |
| `events.csv` | what the platform reported: opened, played, paused, seeked, completed, with seconds of the lecture |
| `xapi.jsonl` | the events of the running presentation ({RUNNING}) once more, as xAPI statements of the video profile |
| `enrolments.csv` | a learner: group (presentation), tutorial, background, when it left, outcome |
| `work.csv`, `scores.csv` | a quiz of a presentation with its due date; a learner's points in it |
| `truth/` | **never an input**: slide changes and clips, mastery and traits that the data were drawn from |

`split` is by time: {RUNNING} is `test`; `group` in the answers is the learner, who stays on one side of it. The answers
of {RUNNING} use wordings that no earlier answer has. Figures measured here say that the software works, nothing about
learners.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m domains.education.sample", description="Write a sample course.")
    parser.add_argument("folder", type=Path, help="where to write; a set made before is replaced")
    parser.add_argument("--learners", type=int, default=240)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--render", action="store_true", help="make the lecture videos anew (needs espeak-ng)")
    options = parser.parse_args(arguments)
    try:
        with Bars() as bars:
            print(generate(options.folder, options.learners, options.seed, render=options.render, progress=bars))
    except ConfigError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()

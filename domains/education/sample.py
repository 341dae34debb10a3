"""The sample course: lecture videos with captions, questions, and simulated learners with their answers and clicks.

    python -m domains.education.sample OUT --learners 3000 --seed 7

All of it is synthetic: the statistics taught are real, the learners are not. The lectures are copied from the
repository; ``--render`` makes them anew, which needs espeak-ng. A learner depends on the seed and its number only. The
folder ``truth`` tells how the set was made (slides, mastery, traits): for tests and studies, never for training.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.atomic import replace_folder
from core.errors import ConfigError
from core.progress import Bars, Progress, silent
from domains.education import sample_content, sample_learners, sample_records
from domains.education.sample_learners import PRESENTATIONS, Learner

OURS = Path(__file__).resolve().parents[2] / "sample_data" / "education"
ANSWER_COLUMNS = ("answer_id", "student_id", "question_id", "question", "reference", "answer", "concept", "module",
                  "attempt", "time", "grade", "split", "group", "synthetic")  # fmt: skip
ENROLMENT_COLUMNS = ("student_id", "name", "presentation", "start", "group", "age_band", "prior_statistics",
                     "study_mode", "left", "outcome", "split", "synthetic")  # fmt: skip
RUNNING = list(PRESENTATIONS)[-1]
_MARK = "sample.json"
_HELD = {"lectures", "truth", "questions.csv", "answers.csv", "events.csv", "enrolments.csv", "xapi.jsonl", "README.md",
         _MARK}  # fmt: skip


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
        _tables(new, made, {t["lecture"]: t["seconds"] for t in truths})
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


def _tables(folder: Path, learners: Sequence[Learner], seconds: Mapping[str, float]) -> None:
    _write(folder / "questions.csv", ("question_id", "question", "reference", "concept", "module", "synthetic"),
           map(_question, sample_content.questions()))  # fmt: skip
    _write(folder / "answers.csv", ANSWER_COLUMNS, (row for x in learners for row in _answers(x)))
    _write(folder / "enrolments.csv", ENROLMENT_COLUMNS, map(_enrolment, learners))
    events = sorted((e for x in learners for e in sample_records.events(x, seconds)), key=lambda e: e.time)
    _write(folder / "events.csv", sample_records.EVENT_COLUMNS, map(sample_records.row, events))
    running = {x.id for x in learners if x.presentation == RUNNING}
    with (folder / "xapi.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(sample_records.statement(e, seconds) + "\n" for e in events if e.student in running)
    mastery = (
        {"student_id": x.id, "concept": c, "mastery": f"{m:.3f}"} for x in learners for c, m in x.mastery.items()
    )
    _write(folder / "truth" / "mastery.csv", ("student_id", "concept", "mastery"), mastery)
    traits = ({"student_id": x.id, "ability": f"{x.ability:.3f}", "diligence": f"{x.diligence:.3f}"} for x in learners)
    _write(folder / "truth" / "learners.csv", ("student_id", "ability", "diligence"), traits)


def _question(q: sample_content.Question) -> dict[str, str]:
    named = {"question_id": q.id, "question": q.question, "reference": q.reference, "concept": q.concept}
    return named | {"module": sample_content.taught_in(q.concept).title, "synthetic": "true"}


def _answers(learner: Learner) -> list[dict[str, str]]:
    rows = []
    for g in learner.given:
        rows.append(_question(g.question) | {
            "answer_id": f"{learner.id}-{g.question.id}-{g.attempt}", "student_id": learner.id, "answer": g.text,
            "attempt": str(g.attempt), "time": g.time.strftime("%Y-%m-%dT%H:%M:%SZ"), "grade": g.grade,
            "split": _split(learner), "group": learner.id,
        })  # fmt: skip
    return rows


def _split(learner: Learner) -> str:
    """By time: the running presentation is held out, the later half of the one before chooses and calibrates."""
    place = list(PRESENTATIONS).index(learner.presentation)
    return "test" if learner.presentation == RUNNING else "val" if place and int(learner.id[1:]) % 2 else "train"


def _enrolment(learner: Learner) -> dict[str, str]:
    return learner.facts | {
        "student_id": learner.id, "name": learner.name, "presentation": learner.presentation, "group": learner.group,
        "start": PRESENTATIONS[learner.presentation].date().isoformat(), "outcome": learner.outcome,
        "left": learner.left.date().isoformat() if learner.left else "", "split": _split(learner), "synthetic": "true",
    }  # fmt: skip


def _write(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


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
| `events.csv` | what the player reported: opened, played, paused, seeked, completed, with seconds of the lecture |
| `xapi.jsonl` | the events of the running presentation ({RUNNING}) once more, as xAPI statements of the video profile |
| `enrolments.csv` | a learner: tutorial group, background, the day of leaving, the outcome (pass, fail, withdrawn) |
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

"""Sample cases: CT phantoms, reports and a clinical table, written as a folder with a manifest.

    python -m domains.medical.sample OUT --cases 1000 --seed 7

A case depends on the seed and its number only: the first cases of a large set are those of a small one. Columns that
tell how a case was made (``NEVER_INPUTS``) are for tests and studies, never for training.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.atomic import replace_folder
from core.errors import ConfigError
from core.progress import Bars, Progress, silent
from domains.medical import clinical, ct_files, report_writer
from domains.medical.anatomy import Patient
from domains.medical.phantom import DIAGNOSES, Phantom, phantom

COLUMNS = (
    "case_id", "patient_id", "split", "ct", "report", "history", "age", "sex", *clinical.BLANK, "diagnosis", "outcome",
    "report_agrees", "severity", "planted_side", "planted_size", "synthetic",
)  # fmt: skip
NEVER_INPUTS = ("report_agrees", "severity", "planted_side", "planted_size", "synthetic")
_MARK = "sample.json"
_AGAIN = 0.2  # share of patients with a second scan
_BLOCK = ("train",) * 14 + ("val",) * 3 + ("test",) * 3  # splits of 20 rounds of one patient a diagnosis


@dataclass(frozen=True)
class Look:
    """How the scans of a set look and are stored; the defaults keep a case near 80 kB."""

    shape: tuple[int, int, int] = (24, 96, 96)
    field: tuple[float, float, float] = (240.0, 370.0, 370.0)  # mm that the slices, rows and columns span
    noise: float = 3.0  # HU
    step: int = 10  # HU
    dicom: float = 0.15  # share of cases stored as DICOM series
    mha: float = 0.05  # and as MHA; the rest as NIfTI


@dataclass(frozen=True)
class Plan:
    """Who a case is: enough to make it again alone."""

    seed: int
    number: int
    patient: int
    visit: int  # 0, or 1 for the patient's second scan
    finding: str
    first: str  # the finding of the patient's first scan
    split: str

    @property
    def id(self) -> str:
        """The case's name in the manifest."""
        return f"case-{self.number:04d}"

    def rng(self, purpose: str) -> np.random.Generator:
        """The random numbers of one part of this case."""
        return np.random.default_rng([self.seed, self.number, *purpose.encode()])


def plan(cases: int, seed: int) -> list[Plan]:
    """The cases of a set: rounds of four patients, one a diagnosis, all of a round in the same split."""
    found: list[Plan] = []
    patient = 0
    while len(found) < cases:
        turn, place = divmod(patient, len(DIAGNOSES))
        block, within = divmod(turn, len(_BLOCK))
        split = _BLOCK[np.random.default_rng([seed, 1, block]).permutation(len(_BLOCK))[within]]
        rng = np.random.default_rng([seed, 2, patient])
        finding = DIAGNOSES[np.random.default_rng([seed, 3, turn]).permutation(len(DIAGNOSES))[place]]
        visits = [finding] if rng.random() >= _AGAIN else [finding, DIAGNOSES[rng.integers(len(DIAGNOSES))]]
        found += [Plan(seed, len(found) + i, patient, i, f, finding, split) for i, f in enumerate(visits)]
        patient += 1
    return found[:cases]


def make_case(case: Plan, look: Look = Look()) -> tuple[Phantom, dict[str, str]]:
    """The scan of a case and its row of the manifest, without the path of the scan."""
    person = np.random.default_rng([case.seed, 4, case.patient])
    patient, first_age = Patient.draw(person), clinical.age_of(case.first, person)
    scanner, facts = case.rng("scan"), case.rng("facts")
    severity = round(float(scanner.beta(1.6, 1.2)), 3)
    spread = float(scanner.uniform(0.97, 1.03))
    spacing = tuple(round(f * spread / n, 3) for f, n in zip(look.field, look.shape, strict=True))
    scan = phantom(
        case.finding, scanner, look.shape, (spacing[0], spacing[1], spacing[1]),
        patient=patient, severity=severity, noise=look.noise, step=look.step,
    )  # fmt: skip
    age = first_age + case.visit
    cells = clinical.values(case.finding, severity, facts)
    care = clinical.intensive_care(case.finding, severity, age, cells, facts)
    report = report_writer.write(case.finding, scan.lesions, facts, age=age, male=patient.male, spacing=scan.spacing[0])
    main = scan.lesions[0] if case.finding != "normal" else None
    row = {
        "case_id": case.id, "patient_id": f"patient-{case.patient:04d}", "split": case.split, "report": report.text,
        "history": report.history, "age": str(age), "sex": "male" if patient.male else "female", **cells,
        "diagnosis": case.finding, "outcome": "icu" if care else "no icu", "report_agrees": report.agrees,
        "severity": "" if main is None else str(severity), "planted_side": "" if main is None else main.side,
        "planted_size": f"{main.size:.1f}" if main is not None and main.size else "", "synthetic": "true",
    }  # fmt: skip
    return scan, row


def write_case(folder: Path, case: Plan, look: Look = Look()) -> dict[str, str]:
    """Write the scan of a case below ``folder`` and return its whole row of the manifest."""
    scan, row = make_case(case, look)
    kind = case.rng("file").random()
    (folder / "ct").mkdir(parents=True, exist_ok=True)
    if kind < look.dicom:
        syntax = "plain" if kind < 0.1 * look.dicom else "rle" if kind < 0.35 * look.dicom else "jpeg2000"
        tags = {"PatientSex": row["sex"][0].upper(), "PatientID": row["patient_id"]}
        path = ct_files.write_dicom(
            folder / "ct" / case.id, *scan[:2], syntax=syntax, slope=look.step, tags=tags, name=f"{case.seed}/{case.id}"
        )
    elif kind < look.dicom + look.mha:
        path = ct_files.write_mha(folder / "ct" / f"{case.id}.mha", *scan[:2])
    else:
        path = ct_files.write_nifti(folder / "ct" / f"{case.id}.nii.gz", *scan[:2])
    return row | {"ct": path.relative_to(folder).as_posix()}


def generate(folder: Path, cases: int, seed: int = 7, *, look: Look = Look(), progress: Progress = silent) -> Path:
    """Write ``cases`` cases and return the path of ``manifest.csv``.

    A set made before is replaced as a whole; a folder with anything else in it is refused.

    Raises:
        ConfigError: for a folder that is not ours, or less than one case.
    """
    if cases < 1:
        raise ConfigError(f"cases: at least 1 is needed, found {cases}")
    _check_ours(folder)
    with replace_folder(folder) as new:
        rows = []
        for case in plan(cases, seed):
            rows.append(write_case(new, case, look))
            progress("sample cases", len(rows), cases)
        with (new / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        (new / "README.md").write_text(_readme(cases, seed), encoding="utf-8")
        made = {"made_by": "domains.medical.sample", "cases": cases, "seed": seed}
        (new / _MARK).write_text(json.dumps(made) + "\n", encoding="utf-8")
    return folder / "manifest.csv"


def _check_ours(folder: Path) -> None:
    """Refuse to replace a folder unless all of it was made here."""
    if not folder.exists():
        return
    held = {entry.name for entry in folder.iterdir()} if folder.is_dir() else {folder.name}
    strange = held - {"ct", "manifest.csv", "README.md", _MARK}
    if held and (strange or _MARK not in held):
        named = ", ".join(sorted(strange or held)[:4])
        raise ConfigError(
            f"{folder}: holds what this generator did not make ({named}) and is left alone; choose another folder"
        )


def _readme(cases: int, seed: int) -> str:
    return f"""# Generated sample cases

No patient stands behind any of these {cases} cases: scans, reports and values were drawn by

    python -m domains.medical.sample sample_data/medical --cases {cases} --seed {seed}

`manifest.csv` has a row a case: `ct` (a DICOM folder, NIfTI or MHA file), `report`, `history`, clinical columns,
`diagnosis` ({", ".join(DIAGNOSES)}), `outcome` (intensive care or not) and `split`, by patient.
Never use {", ".join(f"`{c}`" for c in NEVER_INPUTS)} as inputs: they tell how a case was made.
Image, report and table are each wrong or vague at times, by design; figures measured here say nothing about patients.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m domains.medical.sample", description="Write sample CT cases.")
    parser.add_argument("folder", type=Path, help="where to write; a set made before is replaced")
    parser.add_argument("--cases", type=int, default=96)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    try:
        with Bars() as bars:
            print(generate(options.folder, options.cases, options.seed, progress=bars))
    except ConfigError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()

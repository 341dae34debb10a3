"""Sample cases with a made-up identity planted in all that belongs to a case, to measure what is left of it.

Planted in: report and history, columns, file names, DICOM headers (private and nested ones too), NIfTI and MHA headers,
text burned into slices and pictures, EXIF, and recordings spoken word by word, so that the times are known. Every
secret is told with the place where it was planted. Nobody real is meant.
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from core.progress import Progress, silent
from domains.medical import ct_files, sample

TUNED_ON = (  # given and family names that the rules were tried on; figures are made with others
    ("Anneliese", "Xiomara", "Thandiwe", "Bjorn", "Siobhan", "Priya", "Tomasz", "Kenji", "Zebedee", "Dmitri"),
    ("Silva", "Okonkwo", "O'Neill", "Szczepanski", "Nakamura", "Fitzwilliam", "Lindqvist", "Petrov", "Macleod"),
)
LOOK = sample.Look(shape=(4, 64, 64), dicom=0.4, mha=0.2)
_RATE = 16000  # Hz
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


@dataclass(frozen=True)
class Secret:
    """What was planted: ``kind`` and words of it; ``place``: a column, "header", "pixels", "sound" or "file name".

    For pixels, ``mask`` says which of the plane's (H, W); for sound, ``span`` the seconds.
    """

    case: int
    kind: str
    place: str
    text: str
    mask: np.ndarray | None = None
    span: tuple[float, float] | None = None


@dataclass(frozen=True)
class Identity:
    """A patient, and the doctor who wrote the report."""

    given: str
    family: str
    number: str
    born: date
    seen: date
    phone: str
    street: str
    doctor: str

    @classmethod
    def draw(cls, rng: np.random.Generator, visit: np.random.Generator, names: Sequence[Sequence[str]]) -> Identity:
        """``rng`` is the patient's, the same at every visit; ``visit`` the case's."""
        given, family = (str(rng.choice(some)) for some in names)
        doctor = f"{visit.choice(names[0])} {visit.choice(names[1])}"
        number = f"MRN{rng.integers(10**6, 10**7)}"
        phone = f"({rng.integers(201, 989)}) 555-0{rng.integers(100, 999)}"
        street = f"{rng.integers(2, 999)} {rng.choice(('Quarry', 'Thornbury', 'Rosewood', 'Hollow'))} Lane"
        born = date(1936, 1, 1) + timedelta(days=int(rng.integers(0, 20000)))
        seen = date(2019, 1, 1) + timedelta(days=int(visit.integers(0, 1800)))
        return cls(given, family, number, born, seen, phone, street, doctor)


def generate(
    folder: Path,
    cases: int,
    seed: int,
    names: Sequence[Sequence[str]] = TUNED_ON,
    *,
    every: tuple[int, int, int] = (2, 3, 5),
    progress: Progress = silent,
) -> tuple[Path, list[Secret]]:
    """Write cases below ``folder``; returns the path of the manifest and all secrets.

    ``every``: one case of so many has a scan, a picture, and (where espeak-ng is installed) a voice.
    """
    rows, secrets = [], list[Secret]()
    for i, case in enumerate(sample.plan(cases, seed)):
        person = np.random.default_rng([seed, 5, case.patient])
        who = Identity.draw(person, case.rng("identity"), names)
        scan, row = sample.make_case(case, LOOK)
        row |= _texts(who, row) | _columns(who)
        secrets += [s for column in ("report", "history") for s in _in_text(i, who, column, row[column])]
        secrets += [Secret(i, kind, c, row[c]) for c, kind in _SECRET_COLUMNS.items()]
        row["ct"], found = _scan(folder, i, case, who, scan) if i % every[0] == 0 else ("", [])
        row["image"], more = _picture(folder, i, who, scan) if i % every[1] == 0 else ("", [])
        row["voice"], spoken = _voice(folder, i, who) if i % every[2] == 0 and shutil.which("espeak-ng") else ("", [])
        secrets += [*found, *more, *spoken]
        rows.append(row)
        progress("planted cases", i + 1, cases)
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [c for c in rows[0] if c not in sample.NEVER_INPUTS], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return folder / "manifest.csv", secrets


_SECRET_COLUMNS = {
    "patient_name": "NAME", "mrn": "ID", "birth_date": "DATE", "exam_date": "DATE", "phone": "PHONE",
    "address": "ADDRESS",
}  # fmt: skip


def _columns(who: Identity) -> dict[str, str]:
    return {
        "patient_name": f"{who.given} {who.family}", "mrn": who.number, "birth_date": who.born.isoformat(),
        "exam_date": f"{who.seen:%d/%m/%Y}", "phone": who.phone, "address": who.street,
    }  # fmt: skip


def _texts(who: Identity, row: dict[str, str]) -> dict[str, str]:
    head = f"Patient: {who.given} {who.family}, born {who.born:%d/%m/%Y}, {who.number}."
    foot = f"{who.family} was told on {who.seen:%B} {who.seen.day}, {who.seen.year}. Dictated by Dr. {who.doctor}."
    before = f"Seen {who.seen.day} {who.seen:%B %Y}; lives at {who.street}; phone {who.phone}."
    return {
        "report": f"{head}\n{row['report']}\n{foot}" if row["report"] else "",
        "history": f"{before} {row['history']}",
    }


def _in_text(case: int, who: Identity, column: str, text: str) -> list[Secret]:
    days = f"{who.seen:%B} {who.seen.day}, {who.seen.year}", f"{who.seen.day} {who.seen:%B %Y}"
    told = {
        "NAME": [who.given, who.family, who.doctor.split()[-1]], "ID": [who.number], "PHONE": [who.phone],
        "ADDRESS": [who.street],
        "DATE": [f"{who.born:%d/%m/%Y}", *days],
    }  # fmt: skip
    return [Secret(case, kind, column, t) for kind, some in told.items() for t in some if t in text]


def _scan(folder: Path, number: int, case: sample.Plan, who: Identity, scan: Any) -> tuple[str, list[Secret]]:
    """The scan in one of three formats, named after the patient; text is burned into two of three."""
    voxels, secrets = scan.hounsfield, list[Secret]()
    if case.rng("burned").random() < 2 / 3:
        mask = written(who.family[:9], voxels.shape[1:], (number * 7) % 48)
        voxels = np.where(mask, 1500, voxels)
        secrets.append(Secret(number, "NAME", "pixels", who.family, mask))
    stem = folder / "ct" / f"{who.family}_{case.id}"
    stem.parent.mkdir(parents=True, exist_ok=True)
    secrets += [Secret(number, "NAME", "file name", who.family), Secret(number, "NAME", "header", who.family)]
    kind = case.rng("file").random()
    if kind < LOOK.dicom:
        path = _dicom(stem, voxels, scan.spacing, who, case)
        days = (f"{who.born:%Y%m%d}", f"{who.seen:%Y%m%d}")
        secrets += [Secret(number, "ID", "header", who.number), *(Secret(number, "DATE", "header", d) for d in days)]
    elif kind < LOOK.dicom + LOOK.mha:
        path = _mha(stem.with_suffix(".mha"), voxels, scan.spacing, who)
    else:
        path = _nifti(stem.with_suffix(".nii.gz"), voxels, scan.spacing, who)
    return path.relative_to(folder).as_posix(), secrets


def written(text: str, shape: tuple[int, ...], top: int) -> np.ndarray:
    """(H, W) bool: the strokes of a text, without grey edges, as scanners write it."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("L", (shape[1], shape[0]))
    draw = ImageDraw.Draw(picture)
    draw.fontmode = "1"
    draw.text((2, top), text, fill=255, font=ImageFont.load_default(11))
    return np.asarray(picture) > 0


def _dicom(folder: Path, voxels: np.ndarray, spacing: Any, who: Identity, case: sample.Plan) -> Path:
    """A series with names, numbers and dates in usual, nested and private elements."""
    import pydicom

    tags = {
        "PatientName": f"{who.family}^{who.given}", "PatientID": who.number, "PatientBirthDate": f"{who.born:%Y%m%d}",
        "StudyDate": f"{who.seen:%Y%m%d}", "AcquisitionDateTime": f"{who.seen:%Y%m%d}103000",
        "ReferringPhysicianName": "^".join(who.doctor.split()[::-1]), "PatientAddress": who.street,
        "PatientTelephoneNumbers": who.phone, "StudyDescription": f"CT of {who.given} {who.family}",
        "ContrastBolusAgent": f"given by {who.doctor}",
    }  # fmt: skip
    syntax = str(case.rng("syntax").choice(list(ct_files.SYNTAXES)))
    ct_files.write_dicom(
        folder, voxels, spacing, slope=LOOK.step, syntax=syntax, tags=tags, name=f"{case.seed}/{case.id}"
    )
    for file in folder.iterdir():
        dataset = pydicom.dcmread(file)
        dataset.private_block(0x0011, "MAKER", create=True).add_new(1, "LO", f"{who.given} {who.family} {who.number}")
        nested = pydicom.Dataset()
        nested.PatientName, nested.ContentDate = f"{who.family}^{who.given}", f"{who.seen:%Y%m%d}"
        dataset.ReferencedImageSequence = [nested]
        dataset.save_as(file)
    return folder


def _nifti(path: Path, voxels: np.ndarray, spacing: Any, who: Identity) -> Path:
    import nibabel

    ct_files.write_nifti(path, voxels, spacing)
    image: Any = nibabel.Nifti1Image.from_filename(path)
    image.header["descrip"], image.header["db_name"] = f"{who.given} {who.family}"[:80], who.number
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", f"{who.family} {who.number}".encode()))
    nibabel.save(image, path)
    return path


def _mha(path: Path, voxels: np.ndarray, spacing: Any, who: Identity) -> Path:
    import SimpleITK as sitk  # noqa: N813

    ct_files.write_mha(path, voxels, spacing)
    image = sitk.ReadImage(str(path))
    image.SetMetaData("PatientName", f"{who.family}^{who.given}")
    image.SetMetaData("Comment", who.number)
    sitk.WriteImage(image, str(path))
    return path


def _picture(folder: Path, case: int, who: Identity, scan: Any) -> tuple[str, list[Secret]]:
    """A middle slice as JPEG, enlarged, with a name on it and in its EXIF."""
    from PIL import Image

    middle = scan.hounsfield[len(scan.hounsfield) // 2]
    grey = np.clip((middle + 1000) / 1500 * 255, 0, 255).astype(np.uint8)
    grey = np.asarray(Image.fromarray(grey).resize((192, 192)))
    mask = written(f"{who.given} {who.family} {who.born:%d/%m/%Y}", grey.shape, 4)
    picture = Image.fromarray(np.where(mask, 255, grey).astype(np.uint8))
    exif = picture.getexif()
    exif[0x010E] = f"{who.given} {who.family}"  # ImageDescription
    path = folder / "image" / f"{who.family}-{case}.jpg"
    path.parent.mkdir(exist_ok=True)
    picture.save(path, quality=95, exif=exif)
    told = [Secret(case, "NAME", "pixels", who.family, mask), Secret(case, "NAME", "header", who.given)]
    return path.relative_to(folder).as_posix(), told


def _voice(folder: Path, case: int, who: Identity) -> tuple[str, list[Secret]]:
    """A patient who says name, day of birth and number, spoken word by word, with the times beside it."""
    import soundfile

    number = " ".join(_DIGITS[int(c)] for c in who.number[3:])
    day = f"{_ORDINALS[min(who.born.day, 10) - 1]} of {who.born:%B}"
    parts = (
        ("good morning my name is", ""), (f"{who.given} {who.family}", "NAME"), ("I was born on the", ""),
        (day, "DATE"), ("my number is", ""), (number, "NUMBER"), ("and I cough at night", ""),
    )  # fmt: skip
    wave, words, secrets, seconds = [np.zeros(0, np.float32)], [], list[Secret](), 0.0
    for text, kind in parts:
        for word in text.split():
            wave.append(_spoken(word))
            start, seconds = seconds, seconds + len(wave[-1]) / _RATE
            words.append({"text": word, "start": start, "end": seconds})
            if kind:
                secrets.append(Secret(case, kind, "sound", word, span=(start, seconds)))
    path = folder / "voice" / f"{who.family}-{case}.wav"
    path.parent.mkdir(exist_ok=True)
    with soundfile.SoundFile(path, "w", _RATE, 1, "PCM_16") as file:
        file.title = f"{who.given} {who.family}"
        file.write(np.concatenate(wave))
    path.with_suffix(".words.json").write_text(json.dumps(words))
    return path.relative_to(folder).as_posix(), secrets


@lru_cache(maxsize=1024)
def _spoken(word: str) -> np.ndarray:
    """(samples,) at 16 kHz."""
    import soundfile
    import torch

    from core.preprocess.audio_io import resample

    made = subprocess.run(["espeak-ng", "--stdout", word], capture_output=True, check=True)
    wave, rate = soundfile.read(BytesIO(made.stdout), dtype="float32")
    return resample(torch.from_numpy(wave), rate, _RATE).numpy()

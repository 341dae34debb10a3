"""Scans, pictures and recordings with a made-up identity in their names, headers, pixels and words."""

from __future__ import annotations

import json
import subprocess
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from domains.medical import ct_files, sample
from domains.medical.planted_identity import Identity, Secret

LOOK = sample.Look(shape=(4, 64, 64), dicom=0.4, mha=0.2)
_RATE = 16000  # Hz
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def plant_scan(folder: Path, number: int, case: sample.Plan, who: Identity, scan: Any) -> tuple[str, list[Secret]]:
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


def plant_picture(folder: Path, case: int, who: Identity, scan: Any) -> tuple[str, list[Secret]]:
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


def plant_voice(folder: Path, case: int, who: Identity) -> tuple[str, list[Secret]]:
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

"""What ``polyfuse record``, ``polyfuse document`` and ``polyfuse info`` do."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps import cli_open
from apps.cli_spec import Done
from core.errors import ConfigError, FileError

if TYPE_CHECKING:
    from core.bundle import Bundle
    from core.progress import Progress


def record_options(record: argparse.ArgumentParser) -> None:
    """What ``record`` may be told."""
    record.add_argument("do", choices=("show", "check", "export"), help="list, look for changes, or write as a table")
    record.add_argument("file", type=Path, help="record.sqlite, review.sqlite: the file that an app or predict wrote")
    record.add_argument("--kind", help="only entries of this kind: prediction, diagnosis, grade, intent, reply")
    record.add_argument("--out", type=Path, help="CSV for export")
    record.add_argument("--target", help="export rows to train on: the column that a decision fills")
    record.add_argument("--id", default="case_id", help="column that names a case (default case_id)")
    record.add_argument("--table", type=Path, help="table of the cases, where the record does not keep their columns")


def record(options: argparse.Namespace, progress: Progress) -> Done:
    """What was found or written, as JSON and in words, and whether all is well."""
    from core.record import Record

    kept = Record(options.file)
    faults = kept.check()
    if options.do == "check":
        entries = kept.rows()
        last = entries[-1].chain if entries else ""
        text = "\n".join(faults) or f"{len(entries)} entries as they were written; the last chain is {last[:16]}"
        return {"entries": len(entries), "faults": faults, "chain": last}, text, not faults
    if options.do == "show":
        told = [vars(e) for e in kept.rows(options.kind)]
        lines = [f"{e['id']:>5}  {e['time'][:19]}  {e['who']:12} {e['kind']:12} {_brief(e)}" for e in told]
        return {"entries": told}, "\n".join(lines) or "no entries", True
    if options.out is None:
        raise ConfigError("record export: name the file to write with --out rows.csv")
    if options.target is None:
        count = kept.export(options.out, options.kind)
        return {"entries": count, "out": str(options.out)}, f"{count} entries in {options.out}", True
    return _training(options, kept.rows(options.kind))


def _training(options: argparse.Namespace, entries: list[Any]) -> Done:
    from core.record_rows import training_rows
    from core.table import StringTable

    table = None
    if options.table is not None:
        import pandas as pd

        opened = StringTable.open(options.table)
        table = pd.DataFrame([opened.row(i) for i in range(len(opened))], columns=opened.columns)
    rows, left = training_rows(entries, options.target, options.id, table)
    rows.to_csv(options.out, index=False)
    more = f"; {left} decided cases are not in it: referred, or not in the table" if left else ""
    found = {"rows": len(rows), "left_out": left, "out": str(options.out)}
    return found, f"{len(rows)} rows to train on in {options.out}{more}", True


def _brief(entry: dict[str, Any]) -> str:
    case = next((str(v) for k, v in entry["case"].items() if k == "id" or k.endswith("_id")), "")
    said = ", ".join(f"{k} {v}" for k, v in entry["decision"].items() if v not in ("", None))
    return f"{case}: {entry['answer'].get('label', '')}" + (f" → {said}" if said else "")


def document_options(document: argparse.ArgumentParser) -> None:
    """What ``document`` may be told."""
    document.add_argument("--kind", default="pdf", help="comma-separated: pdf, fhir, sr (default pdf)")
    document.add_argument("--out", type=Path, required=True, help="folder for the documents, one a case and kind")


def document(options: argparse.Namespace, progress: Progress) -> Done:
    """A document of each case of a table; a structured report refers to the case's DICOM slices."""
    from core.preprocess.volume import VolumePreprocessor
    from domains.medical.documents import SUFFIXES, Result
    from domains.medical.documents import document as make
    from domains.medical.documents.sources import dicom_headers

    predictor, manifest = cli_open.open_with_bundle(options, need_target=False)
    kinds = [k.strip() for k in options.kind.split(",") if k.strip()]
    scans = [m for m in predictor.ensemble.modalities if isinstance(predictor.view(m).preprocessor, VolumePreprocessor)]
    written: list[Path] = []
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        for place in range(len(manifest)):
            row = manifest.row(place)
            result = Result.of(predictor.predict_rows([row])[0], predictor.bundle)
            cells = [row.values[m] for m in scans if m in row.values] if "sr" in kinds or "fhir" in kinds else []
            images = [i for cell in cells for i in dicom_headers(cell[0] if len(cell) == 1 else cell)]
            for kind in kinds:
                path = options.out / f"{_file_name(row.id, place)}{SUFFIXES.get(kind, '')}"
                path.write_bytes(make(kind, result, images))
                written.append(path)
            progress("documents", place + 1, len(manifest))
    except OSError as error:
        raise FileError(f"{options.out}: cannot be written ({error.strerror}); choose another folder") from error
    return _files(written, f"{len(written)} documents in {options.out}")


def info_options(info: argparse.ArgumentParser) -> None:
    """What ``info`` may be told."""
    info.add_argument(
        "--checklists", action="store_true", help="write TRIPOD+AI and CLAIM 2024 beside the bundle (medical)"
    )


def info(options: argparse.Namespace, progress: Progress) -> Done:
    """A saved model's card, or its checklists."""
    from core.predict import Predictor

    bundle = Predictor.load(options.bundle).bundle
    if options.checklists:
        written = _checklists(options, bundle)
        return _files(written, "\n".join(map(str, written)))
    return bundle.facts | {"config": bundle.config.to_json()}, bundle.card, True


def _files(written: list[Path], text: str) -> Done:
    return {"files": [str(p) for p in written]}, text, True


def _checklists(options: argparse.Namespace, bundle: Bundle) -> list[Path]:
    """Write the reporting checklists of a medical model beside its folder."""
    from domains.medical.checklists import NAMES, checklist

    written = [options.bundle.absolute().parent / f"{name}.md" for name in NAMES]
    for name, path in zip(NAMES, written):
        path.write_text(checklist(name, bundle), encoding="utf-8")
    return written


def _file_name(case: str, place: int) -> str:
    """A case's id as a file's name; one that is none gets its place in the table."""
    return case if case.replace("-", "").replace("_", "").isalnum() else f"row-{place + 1}"

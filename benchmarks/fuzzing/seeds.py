"""Sound files of every kind that Polyfuse reads, small and generated, for ``benchmarks.fuzz`` to damage."""

import gzip
import io
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

SAMPLES = Path(__file__).parents[2] / "sample_data"


def make_seeds(folder: Path, names: Iterable[str] = ()) -> None:
    """Write seeds of these readers, or of all: a folder a reader, each file a seed (of ``bundle``: one bundle)."""
    for name in names or WRITERS:
        place = folder / name
        place.mkdir(parents=True)
        WRITERS[name](place)


def _pixels(rows: int = 40, columns: int = 36) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (rows, columns)).astype(np.uint8)


def _dicom(folder: Path) -> None:
    import pydicom
    from PIL import Image
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

    _slice(folder / "plain.dcm", 0, 16)
    _slice(folder / "frames.dcm", 0, 16, frames=3)
    for name, syntax in (("rle", RLELossless), ("jpeg2000", JPEG2000Lossless)):
        dataset = pydicom.dcmread(folder / "plain.dcm")
        dataset.compress(syntax)
        dataset.save_as(folder / f"{name}.dcm")
    _slice(folder / "jpeg.dcm", 0, 8)
    dataset, packed = pydicom.dcmread(folder / "jpeg.dcm"), io.BytesIO()
    Image.fromarray(_pixels()).save(packed, "JPEG")
    dataset.PixelData = encapsulate([packed.getvalue()])
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.save_as(folder / "jpeg.dcm")


def _slice(path: Path, number: int, bits: int, frames: int = 1) -> None:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, f"1.2.3.5.{number}"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    pixels = _pixels().astype(f"<u{bits // 8}")
    for key, value in {
        "SOPClassUID": CTImageStorage, "SOPInstanceUID": meta.MediaStorageSOPInstanceUID, "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.4", "Modality": "CT", "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "Rows": pixels.shape[0],
        "Columns": pixels.shape[1], "BitsAllocated": bits, "BitsStored": bits, "HighBit": bits - 1,
        "PixelRepresentation": 0, "RescaleSlope": 1, "RescaleIntercept": -1024, "PixelSpacing": [1, 1],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "ImagePositionPatient": [0, 0, 2 * number],
        "InstanceNumber": number + 1, "SliceThickness": 2,
    }.items():  # fmt: skip
        setattr(dataset, key, value)
    if frames > 1:
        dataset.NumberOfFrames = frames
    dataset.PixelData = pixels.tobytes() * frames
    dataset.save_as(path, enforce_file_format=True)


def _dicom_zip(folder: Path) -> None:
    with zipfile.ZipFile(folder / "series.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            _slice(folder / "slice.dcm", number, 16)
            archive.write(folder / "slice.dcm", f"{number}.dcm")
    (folder / "slice.dcm").unlink()


def _nifti(folder: Path) -> None:
    import nibabel

    for name, kind in (("short", np.int16), ("float", np.float32)):
        voxels = (_pixels(10, 60).reshape(10, 10, 6) - 128.0).astype(kind)
        nibabel.save(nibabel.Nifti1Image(voxels, np.diag([2.0, 2.0, 3.0, 1.0])), folder / f"{name}.nii")


def _nifti_gz(folder: Path) -> None:
    _nifti(folder)
    for file in list(folder.glob("*.nii")):
        (folder / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes(), 1, mtime=0))
        file.unlink()


def _itk(folder: Path) -> None:
    import SimpleITK as sitk  # noqa: N813

    image = sitk.GetImageFromArray((_pixels(10, 60).reshape(6, 10, 10) - 128.0).astype(np.int16))
    for name, packed in (("plain", False), ("packed", True)):
        for kind in ("mha", "nrrd"):
            sitk.WriteImage(image, str(folder / f"{name}.{kind}"), packed)


def _png(folder: Path) -> None:
    from PIL import Image

    grey = Image.fromarray(_pixels())
    for mode in ("L", "RGB", "RGBA", "P", "1", "LA"):
        grey.convert(mode).save(folder / f"{mode}.png")
    Image.fromarray(_pixels().astype(np.uint16) * 257).save(folder / "16.png")


def _jpeg(folder: Path) -> None:
    from PIL import Image

    grey = Image.fromarray(_pixels())
    for mode, options in (("L", {}), ("RGB", {"progressive": True}), ("CMYK", {}), ("RGB", {"subsampling": 2})):
        grey.convert(mode).save(folder / f"{mode}{len(options)}{'p' * ('progressive' in options)}.jpg", **options)


def _sound(kind: str, **options: str):
    def write(folder: Path) -> None:
        import soundfile

        time = np.arange(4000) / 8000
        for channels in (1, 2):
            wave = np.stack([0.3 * np.sin(2000 * time)] * channels, axis=1)
            soundfile.write(folder / f"{channels}.{kind}", wave, 8000, **options)

    return write


def _video(kind: str, codec: str):
    def write(folder: Path) -> None:
        import av

        with av.open(str(folder / f"film.{kind}"), "w") as file:
            stream = file.add_stream(codec, rate=8)
            stream.width = stream.height = 32
            stream.pix_fmt = "yuv420p"
            for shown in range(12):
                pixels = np.full((32, 32, 3), 20 * shown, np.uint8)
                file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
            file.mux(stream.encode())

    return write


def _captions(folder: Path) -> None:
    cues = [f"00:00:{a:02d}.000 --> 00:00:{a + 2:02d}.500\n<v T>Word {a} &amp; more.\n" for a in range(0, 20, 3)]
    (folder / "a.vtt").write_text("WEBVTT\n\nNOTE made up\n\n" + "\n".join(cues), encoding="utf-8")
    numbered = "\n".join(f"{i}\n{c.replace('.', ',', 2)}" for i, c in enumerate(cues, 1))
    (folder / "b.srt").write_text(numbered, encoding="utf-8")


_TABLE = "id,text,number,category,label\n" + "".join(f'{i},"some, ""text"" {i}",{i}.5,red,{i % 2}\n' for i in range(20))


def _csv(folder: Path) -> None:
    (folder / "a.csv").write_text(_TABLE, encoding="utf-8")
    (folder / "b.tsv").write_text(_TABLE.replace(",", "\t"), encoding="utf-8")


def _csv_gz(folder: Path) -> None:
    (folder / "a.csv.gz").write_bytes(gzip.compress(_TABLE.encode(), 1, mtime=0))


def _parquet(folder: Path) -> None:
    import pandas as pd

    frame = pd.read_csv(io.StringIO(_TABLE))
    frame.to_parquet(folder / "a.parquet", compression=None)
    frame.assign(label=frame["label"].astype("category")).to_parquet(folder / "b.parquet", compression="snappy")


def _xapi(folder: Path) -> None:
    lines = (SAMPLES / "education/xapi.jsonl").read_text(encoding="utf-8").splitlines()[:12]
    (folder / "a.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "b.json").write_text(json.dumps([json.loads(line) for line in lines[:5]]), encoding="utf-8")


def _records(folder: Path) -> None:
    for name in ("events", "enrolments"):
        lines = (SAMPLES / f"education/{name}.csv").read_text(encoding="utf-8").splitlines(keepends=True)[:12]
        (folder / f"{name}.csv").write_text("".join(lines), encoding="utf-8")
    clicks = "code_module,code_presentation,id_student,id_site,date,sum_click\nAAA,2013J,7,9,-3,4\nAAA,2013J,8,9,2,1\n"
    (folder / "clicks.csv").write_text(clicks, encoding="utf-8")


def _oneroster(folder: Path) -> None:
    tables = {
        "manifest.csv": "propertyName,value\noneroster.version,1.2\n",
        "classes.csv": "sourcedId,courseSourcedId\nc1,k1\n",
        "enrollments.csv": "classSourcedId,userSourcedId,role,beginDate\nc1,s1,student,2024-09-01\nc1,s2,student,\n",
        "lineItems.csv": "sourcedId,resultValueMin,resultValueMax,classSourcedId\nw1,0,20,c1\n",
        "results.csv": "lineItemSourcedId,studentSourcedId,scoreStatus,score,scoreDate\n"
        "w1,s1,fully graded,12,2024-10-01\nw1,s2,exempt,,2024-10-01\n",
    }
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        for name, content in tables.items():
            archive.writestr(zipfile.ZipInfo(name), content)


def _answers(folder: Path) -> None:
    for name in ("answers", "scores"):
        lines = (SAMPLES / f"education/{name}.csv").read_text(encoding="utf-8").splitlines(keepends=True)[:8]
        (folder / f"{name}.csv").write_text("".join(lines), encoding="utf-8")


def _routing(folder: Path) -> None:
    (folder / "a.toml").write_bytes((SAMPLES / "customer_service/routing.toml").read_bytes())
    rows = "intent,waiting_seconds,queue,priority,note\nsim_blocked|login,> 300,security,1,first\n,,general,3,\n"
    (folder / "b.csv").write_text(rows, encoding="utf-8")


def _knowledge(folder: Path) -> None:
    pages = sorted((SAMPLES / "customer_service/knowledge").rglob("*.*"))
    for page in pages[:3]:
        (folder / page.name).write_bytes(page.read_bytes()[:3000])
    rows = 'question,answer,source,intent\n"Where is it?","Order {order_number}, on its way.",shop,parcel\n'
    (folder / "b.csv").write_text(rows, encoding="utf-8")


def _config(folder: Path) -> None:
    (folder / "a.json").write_bytes((SAMPLES / "worked_example.json").read_bytes())


def _bundle(folder: Path) -> None:
    import shutil
    import tempfile

    from core.cache import MemoryCache
    from core.config import ExperimentConfig
    from core.experiment import Experiment
    from core.manifest import Manifest
    from core.samples import make_table

    numbers = {"numbers": ["number_0", "number_1"], "categories": ["category"]}
    table = {"name": "table", "kind": "tabular", "columns": ["number_0", "number_1", "category"]}
    text = {"name": "text", "kind": "text", "columns": ["text"]}
    views = [{"encoder": "tabular", "options": {"hidden": 8, "blocks": 1}, "preprocess": numbers}]
    config = ExperimentConfig.from_json({
        "modalities": [table | {"views": views}, text | {"views": [{"encoder": "lexical"}]}],
        "target": {"column": "label"}, "table": {"id": "id"}, "width": 8, "stack": True, "training": {"epochs": 1},
    })  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        path = make_table(Path(scratch) / "table", 40, ["tabular", "text"])
        Experiment(Manifest.open(path, config), config, Path(scratch) / "run", cache=MemoryCache()).run()
        shutil.copytree(Path(scratch) / "run/bundle", folder, dirs_exist_ok=True)


WRITERS = {
    "dicom": _dicom,
    "dicom_zip": _dicom_zip,
    "nifti": _nifti,
    "nifti_gz": _nifti_gz,
    "mha_nrrd": _itk,
    "png": _png,
    "jpeg": _jpeg,
    "wav": _sound("wav"),
    "flac": _sound("flac"),
    "ogg": _sound("ogg"),
    "mp3": _sound("mp3"),
    "mp4": _video("mp4", "h264"),
    "webm": _video("webm", "vp8"),
    "captions": _captions,
    "csv": _csv,
    "csv_gz": _csv_gz,
    "parquet": _parquet,
    "xapi": _xapi,
    "records": _records,
    "oneroster": _oneroster,
    "answers": _answers,
    "routing": _routing,
    "knowledge": _knowledge,
    "config": _config,
    "bundle": _bundle,
}

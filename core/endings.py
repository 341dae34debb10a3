"""How the names of files end, by what they hold; a DICOM file may have any name."""

from __future__ import annotations

from core.schema import Modality

ENDINGS: dict[Modality, tuple[str, ...]] = {
    Modality.AUDIO: (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".amr"),
    Modality.IMAGE: (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"),
    Modality.VIDEO: (".mp4", ".mkv", ".mov", ".avi", ".webm"),
    Modality.VOLUME: (".nii", ".nii.gz", ".mha", ".nrrd"),
    Modality.TEXT: (".txt",),
}

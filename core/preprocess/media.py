"""Open sound and video containers with FFmpeg (av), only as local files and only in known containers.

The list is closed because FFmpeg also knows playlists, which name other files and addresses, and shows plain text as
video.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.errors import FileError
from core.paths import check_path

CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,flv,asf,mp3,aac,ogg,flac,wav,w64,aiff,au,caf,amr,ac3,wv,gif"
)


def check_file(path: Path) -> None:
    """Refuse what is no file, or an empty one.

    Raises:
        FileError: naming the path and what to do.
    """
    check_path(path)
    if not path.is_file():
        raise FileError(f"{path}: {'is a folder, not a file' if path.is_dir() else 'no such file'}; correct the path")
    if path.stat().st_size == 0:
        raise FileError(f"{path}: the file is empty (0 bytes); copy it again")


def open_media(path: Path, kind: str) -> Any:
    """The open ``av`` container of a file and its first stream of a ``kind``: "audio" or "video".

    Raises:
        FileError: if FFmpeg does not know the content, or it has no such stream.
    """
    import av

    check_file(path)
    try:
        container = av.open(str(path), options={"format_whitelist": CONTAINERS, "protocol_whitelist": "file"})
    except (av.FFmpegError, ValueError) as error:
        raise FileError(
            f"{path}: not a sound or video file in a known container, or cut off; export it again as WAV, FLAC or MP4"
        ) from error
    if not getattr(container.streams, kind):
        held = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
        container.close()
        raise FileError(f"{path}: holds no {kind} stream, only {held}; give a file with {kind}")
    found = getattr(container.streams, kind)[0]
    if found.codec_context is None or (kind == "audio" and not found.rate):  # a text named .flac has no rate
        container.close()
        raise FileError(f"{path}: its {kind} is damaged, or packed in a way that is not known; export it again")
    return container

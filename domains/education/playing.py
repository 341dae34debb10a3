"""A lecture as browsers play it: pictures and sound of another container, such as mkv, put unchanged into an mp4."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from core.errors import FileError
from core.preprocess.media import open_media

PLAYED = (".mp4", ".webm", ".m4v", ".ogv")  # containers that browsers know
_CODECS = {"h264", "vp9", "av1", "aac", "mp3", "opus", "flac"}  # what they play in an mp4


def playable(video: Path, folder: Path) -> Path | None:
    """The video itself, or an mp4 of its streams in ``folder``, made once; None for codecs that browsers do not know.

    Raises:
        FileError: if the video is damaged, or the mp4 cannot be written.
    """
    if video.suffix.lower() in PLAYED:
        return video
    made = folder / "video.mp4"
    if made.is_file() or _put_into_mp4(video, made):
        return made
    return None


def _put_into_mp4(video: Path, made: Path) -> bool:
    import av

    part = made.with_suffix(".part")
    with closing(open_media(video, "video")) as source:
        streams = [source.streams.video[0], *source.streams.audio[:1]]
        if any(s.codec_context is None or s.codec_context.codec.canonical_name not in _CODECS for s in streams):
            return False
        try:
            with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as file:
                into = {s.index: file.add_stream_from_template(s) for s in streams}
                for packet in source.demux(streams):
                    if packet.dts is not None:  # the last one of a stream is empty
                        packet.stream = into[packet.stream.index]
                        file.mux(packet)
            part.replace(made)
        except (av.FFmpegError, OSError) as error:
            part.unlink(missing_ok=True)
            raise FileError(f"{video}: cannot be put into {made} ({error}); convert it to mp4 to watch it") from error
    return True

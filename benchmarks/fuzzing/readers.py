"""The readers that ``benchmarks.fuzz`` gives damaged files to, each as the applications call it."""

import hashlib
import json
import os
import random
import shutil
from pathlib import Path

from benchmarks.fuzzing.change import change_bytes, change_text


def scan(path: Path) -> None:
    from core.preprocess.decode import decode_scan

    decode_scan(path)


def image(path: Path) -> None:
    from core.preprocess.decode import decode_images

    decode_images(path)


def sound(path: Path) -> None:
    from core.preprocess.audio_io import channel_count, read_audio, seconds_claimed

    channel_count(path)
    seconds_claimed(path)
    read_audio(path, 16000)


def video(path: Path) -> None:
    from core.preprocess.decode import decode_videos
    from core.preprocess.video_frames import frames_at

    decode_videos(path)
    for _ in frames_at(path, [0.0, 0.4, 1.1]):
        pass


def table(path: Path) -> None:
    from core.table import StringTable

    found = StringTable.open(path)
    found.row(len(found) - 1)


def captions(path: Path) -> None:
    from domains.education.captions import read_captions

    read_captions(path, 60.0)


def records(path: Path) -> None:
    from domains.education.records import import_records

    import_records([path], path.parent / "out")


def answers(path: Path) -> None:
    from domains.education.assignments import read_assignments

    read_assignments(path).table()


def routing(path: Path) -> None:
    from domains.customer_service.routing import RoutingTable

    found = RoutingTable.read(path)
    found.route("login_problem", confidence=0.5, behaviour={"waiting_seconds": 400})


def knowledge(path: Path) -> None:
    from domains.customer_service.knowledge import Knowledge

    Knowledge.read(path)


def config(path: Path) -> None:
    from core.config import read_config

    read_config(path)


def bundle(path: Path) -> None:
    from core.bundle import Bundle
    from core.cache import MemoryCache

    Bundle.load(path, MemoryCache())


def damage_bundle(rng: random.Random, seed: Path, into: Path) -> Path:
    """A copy of a bundle with one file damaged; mostly with all check sums made right again, as an attacker would."""
    place = into / "bundle"
    shutil.copytree(seed, place, copy_function=os.link)
    files = sorted(f for f in place.rglob("*") if f.is_file())
    chosen, other = rng.choice(files), rng.choice(files)
    change = change_text if chosen.suffix in (".json", ".txt", ".md") else change_bytes
    content = change(rng, chosen.read_bytes(), other.read_bytes())
    chosen.unlink()  # a link: the seed itself stays as it is
    chosen.write_bytes(content)
    if rng.random() < 0.9:
        sign(place)
    return place


def sign(place: Path) -> None:
    """Make the check sums of a bundle right again; one too damaged for that is left alone."""
    file = place / "bundle.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        content["files"] |= {
            f.relative_to(place).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest()
            for f in place.rglob("*")
            if f.is_file() and f != file
        }
        plain = {k: v for k, v in content.items() if k != "digest"}
        content["digest"] = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
        text = json.dumps(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return
    file.unlink()  # it may be a link to the original
    file.write_text(text, encoding="utf-8")

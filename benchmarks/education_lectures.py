"""Lectures: slide changes, exercise to its clip, transcript to its slide, and what a clip and a signal say together.

    python -m benchmarks.education_lectures [slides] [passages] [exercises] [transcripts] [signal]

``slides``: boundary F1 on generated lectures (builds, an embedded clip, a clip that fills the picture, dissolves, with
and without a speaker's window and subtitles) and on the sample lectures against their truth; counts on three real
videos, whose slides only an eye can judge.

``passages``: how passages of a minute become the score of a clip (the weight of meaning; the best, or the mean of the
best) is looked at on other courses: some words of a clip, cut out of it, should find that clip.

``exercises``: 29 exercises of one course, by ``domains.education.passages`` as it stands, with the weight that the
engine's index has by default; among the four lectures of the course, and among all 52 clips of three courses. The
weight that ``passages`` prefers stands beside it.

``transcripts``: what is said to a slide finds the slide's text among the slides of its lecture, by the weight that the
other courses give, with and without the picture (a linear map from image features to sentence vectors, learned on the
other courses).

``signal``: was a learner confused, by their own word? From frames, captions and an EEG signal, each learner held out.
100 trials: a wide interval, and no claim. It is measured to try the engine on this mix of data; Polyfuse offers no such
inference about learners.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.report import public_data, save
from core.cache import FeatureCache
from core.compare import compare
from core.config import ModalityConfig, TableConfig, TargetConfig
from core.manifest import Manifest
from core.preprocess.video_frames import duration
from core.progress import Bars
from core.recipes import Columns, build_config, image_view
from core.retrieval import MEANING, WORDS, TextIndex
from core.schema import Modality
from core.sentences import sentence_vectors
from core.view import View
from domains.education.captions import Caption
from domains.education.join_slides import likenesses
from domains.education.lecture import Lecture
from domains.education.passages import PASSAGE_SECONDS, WEIGHT, Passages
from domains.education.slides import find_scenes
from domains.education.topics import Segment

ROOT = Path(__file__).parents[1]
OTHER_COURSES = ("chem233-sp16", "cs225-sp16", "cs446-fa16")
SEEDS = range(100, 104)  # of generated lectures
WEIGHTS = np.linspace(0, 1, 11).round(1).tolist()


def slides(root: Path) -> dict:
    sys.path.append(str(ROOT / "tests"))
    from lecture_video import boundaries, f1, frames, random_parts, write_video

    generated: dict[str, list[float]] = {}
    variants: dict[str, dict[str, bool]] = {
        "plain": {}, "no banner": {"banner": False}, "speaker": {"speaker": True}, "subtitles": {"subtitles": True}
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for seed in SEEDS:
            for name, options in variants.items():
                parts = random_parts(seed)
                path = write_video(Path(folder) / "a.mp4", frames(parts, 2, seed, **options), 2)
                found = [s.start for s in find_scenes(path)[1:]]
                generated.setdefault(name, []).append(f1(found, boundaries(parts)))
    samples = {}
    lectures = ROOT / "sample_data/education/lectures"
    for truth in pd.read_json(ROOT / "sample_data/education/truth/lectures.json").to_dict("records"):
        found = [s.start for s in find_scenes(lectures / f"{truth['lecture']}.mp4")[1:]]
        samples[truth["lecture"]] = f1(found, [s["start"] for s in truth["slides"][1:]])
    real = {}
    for path in sorted((root / "lectures/eeg_mooc/video").glob("*.m4v")):
        scenes = find_scenes(path)
        real[path.name] = {"seconds": duration(path), "scenes": [[s.start, s.end, s.slide] for s in scenes]}
    means = {name: float(np.mean(values)) for name, values in generated.items()}
    return {
        "boundary_f1_generated": means,
        "lowest": min(min(v) for v in generated.values()),
        "videos": len(SEEDS) * len(means),
    } | {
        "boundary_f1_samples": samples,
        "real_videos": real,
    }


def windows(captions: pd.DataFrame, seconds: float) -> list[str]:
    """What a clip says, in windows."""
    part = (captions["start_s"] // seconds).astype(int)
    return [" ".join(captions["text"][part == k].astype(str)) for k in sorted(part.unique())]


class Clips:
    """Clips by their passages: the score of each for a query, words and meaning apart."""

    def __init__(self, passages: Sequence[Sequence[str]]) -> None:
        self.own = np.repeat(np.arange(len(passages)), [len(p) for p in passages])
        self.count = len(passages)
        self.index = TextIndex([text for p in passages for text in p])

    def scores(self, query: str, best: int) -> dict[str, np.ndarray]:
        """(clips,) for each part: the mean of the ``best`` passages of each clip."""
        parts = self.index.scores(query)
        return {
            name: np.array([np.sort(part[self.own == c])[::-1][:best].mean() for c in range(self.count)])
            for name, part in parts.items()
        }


def rank(scores: np.ndarray, wanted: int) -> float:
    """From 1; equal scores share the mean of their places."""
    return float((scores > scores[wanted]).sum() + ((scores == scores[wanted]).sum() + 1) / 2)


def fused(parts: dict[str, np.ndarray], weight: float) -> np.ndarray:
    return (1 - weight) * parts[WORDS] + weight * parts[MEANING]


def passages(root: Path) -> dict:
    captions = pd.read_csv(root / "lectures/captions.csv.gz")
    ranks: dict[tuple[int, float], list[float]] = {}
    for course in OTHER_COURSES:
        clips, queries = cut_out(captions[captions["course"] == course], PASSAGE_SECONDS)
        index = Clips(clips)
        for clip, query in queries:
            for best in (1, 3):
                parts = index.scores(query, best)
                for w in WEIGHTS:
                    ranks.setdefault((best, w), []).append(rank(fused(parts, w), clip))
    found = {
        f"{PASSAGE_SECONDS:g} s, best {best}, meaning {w}": float(np.mean(1 / np.array(values)))
        for (best, w), values in ranks.items()
    }
    choice = max(found, key=lambda k: found[k])
    return {
        "chosen": choice,
        "mrr": dict(sorted(found.items(), key=lambda item: -item[1])[:12]),
        "queries": len(ranks[1, 0.0]),
    }


def cut_out(captions: pd.DataFrame, seconds: float) -> tuple[list[list[str]], list[tuple[int, str]]]:
    """The passages of each clip, and queries (clip, words): the beginning of a passage that its clip then lacks."""
    rng = np.random.default_rng(0)
    clips, queries = [], []
    for number, (_, clip) in enumerate(captions.groupby("video_id", sort=True)):
        texts = windows(clip, seconds)
        if len(texts) >= 3:
            taken = texts.pop(int(rng.integers(1, len(texts) - 1))).split()
            queries.append((number, " ".join(taken[: int(rng.integers(15, 60))])))
        clips.append(texts)
    return clips, queries


def exercises(root: Path) -> dict:
    captions = pd.read_csv(root / "lectures/captions.csv.gz")
    asked = pd.read_csv(root / "lectures/exercises.csv")
    own = sorted(asked["course"].unique())
    pools = {"own course": own, "three courses": [*own, "cratedb-fundamentals", "sysassets"]}
    found: dict[str, Any] = {"weight": WEIGHT, "passage_seconds": PASSAGE_SECONDS}
    for name, courses in pools.items():
        clips = captions[captions["course"].isin(courses)].groupby("video_id", sort=True)
        ids = [str(video) for video, _ in clips]
        ranks: dict[str, list[float]] = {}
        for variant, weight in (("fused", WEIGHT), ("by the weight of passages", 0.2), (WORDS, 0.0), (MEANING, 1.0)):
            index = Passages([lecture_of(str(video), clip) for video, clip in clips], weight=weight)
            for text, video in zip(asked["text"], asked["video_id"]):
                scores = np.zeros(len(ids))
                for number, value in index.lectures_for(text):
                    scores[number] = value
                ranks.setdefault(variant, []).append(rank(scores, ids.index(video)))
        found[name] = {"clips": len(ids), "exercises": len(asked)} | {v: recalls(r) for v, r in ranks.items()}
    return found


def lecture_of(name: str, captions: pd.DataFrame) -> Lecture:
    """A lecture of which nothing but the captions is known, as one segment."""
    said = tuple(Caption(row.start_s, row.end_s, str(row.text)) for row in captions.itertuples())
    end = max(c.end for c in said)
    whole = Segment(0.0, end, None, "", " ".join(c.text for c in said), "", ())
    return Lecture(Path(), name, Path(), end, (whole,), (), said, {}, ())


def recalls(ranks: Sequence[float]) -> dict[str, float]:
    r = np.array(ranks)
    return {"R@1": float((r <= 1).mean()), "R@3": float((r <= 3).mean()), "MRR": float((1 / r).mean())}


def transcripts(root: Path) -> dict:
    table = pd.read_csv(root / "lectures/slides.csv").fillna({"ocr_text": ""})
    lectures = [own for _, own in table.groupby(["course", "lecture"], sort=True)]
    courses = [str(own["course"].iloc[0]) for own in lectures]
    parts = [likenesses(own["transcript"].tolist(), own["ocr_text"].tolist()) for own in lectures]
    seen = pictures(root, lectures)
    found: dict[str, list[np.ndarray]] = {}
    weights: dict[str, Any] = {"of all": best_weights(parts)}
    for course in sorted(set(courses)):
        others = [i for i, c in enumerate(courses) if c != course]
        chosen = best_weights([parts[i] for i in others])
        with_picture = [i for i in others if seen[i] is not None]
        v = max(
            WEIGHTS,
            key=lambda v: np.concatenate([top(add(mix(parts[i], chosen), seen[i], v)) for i in with_picture]).mean(),
        )
        weights[course] = chosen | {"picture": v}
        for i in (i for i, c in enumerate(courses) if c == course):
            fused_text = mix(parts[i], chosen)
            variants = {"fused": fused_text, "fused and picture": add(fused_text, seen[i], v)} | parts[i]
            if seen[i] is not None:
                variants |= {f"{n}, slides with pictures": variants[n] for n in ("fused", "fused and picture")}
            for name, scores in variants.items():
                found.setdefault(name, []).append(top(scores))
    return {"pairs": len(table), "weights": weights} | {n: float(np.concatenate(v).mean()) for n, v in found.items()}


def mix(parts: dict[str, np.ndarray], weights: dict[str, float]) -> np.ndarray:
    return np.sum([weights[name] * part for name, part in parts.items()], axis=0)


def best_weights(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, float]:
    """In steps of a tenth."""
    grid = [
        {"words": a / 10, "letters": b / 10, "meaning": (10 - a - b) / 10} for a in range(11) for b in range(11 - a)
    ]
    return max(grid, key=lambda w: np.concatenate([top(mix(p, w)) for p in parts]).mean())


def top(scores: np.ndarray) -> np.ndarray:
    """(N,) whether the own slide is first; of equal scores, the chance of a draw."""
    best = scores.max(axis=1, keepdims=True)
    return np.where(np.diag(scores) >= best[:, 0], 1 / (scores == best).sum(axis=1), 0.0)


def add(scores: np.ndarray, picture: np.ndarray | None, weight: float) -> np.ndarray:
    return scores if picture is None else (1 - weight) * scores + weight * picture


def pictures(root: Path, lectures: Sequence[pd.DataFrame]) -> list[np.ndarray | None]:
    """(N, N) for lectures with images: what is said against pictures, through a map learned on the other courses."""
    config = image_view("efficientnet_lite0")
    view = View("slide", ModalityConfig("slide", Modality.IMAGE, ("file",), (config,)), config, FeatureCache())
    view.fit([])
    features: list[np.ndarray | None] = []
    for own in lectures:
        has_images = own["file"].notna().all()
        cells = [(root / "lectures/slides" / f,) for f in own["file"]] if has_images else []
        features.append(np.stack([view.prepare(c)[0].numpy() for c in cells]) if has_images else None)
    said = [sentence_vectors(own["transcript"].tolist()) for own in lectures]
    courses = [str(own["course"].iloc[0]) for own in lectures]
    found: list[np.ndarray | None] = []
    for i, own_features in enumerate(features):
        others = [j for j, f in enumerate(features) if f is not None and courses[j] != courses[i]]
        found.append(None if own_features is None else through(own_features, said[i], features, said, others))
    return found


def through(
    own: np.ndarray,
    said: np.ndarray,
    features: Sequence[np.ndarray | None],
    texts: Sequence[np.ndarray],
    others: list[int],
) -> np.ndarray:
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    x = np.concatenate([f for j in others if (f := features[j]) is not None])
    scaler = StandardScaler().fit(x)
    model = Ridge(alpha=1000.0).fit(scaler.transform(x), np.concatenate([texts[j] for j in others]))
    mapped = model.predict(scaler.transform(own))
    mapped -= mapped.mean(axis=0)  # what all slides of a lecture share tells none from another
    mapped /= np.maximum(np.linalg.norm(mapped, axis=1, keepdims=True), 1e-9)
    return said @ mapped.T


def trials(root: Path) -> pd.DataFrame:
    folder = root / "lectures/eeg_mooc"
    table = pd.read_csv(folder / "trials.csv")
    frames = pd.read_csv(folder / "frames.csv").groupby("video_id")["file"].apply(lambda f: list(f)[::4])
    said = pd.read_csv(folder / "captions.csv").groupby("video_id")["text"].apply(lambda t: " ".join(map(str, t)))
    table["frames"] = ["|".join(f"frames/{f}" for f in frames[v]) for v in table["video_id"]]
    table["captions"] = [said.get(v, "") for v in table["video_id"]]
    return table.astype(str)


def signal(root: Path) -> dict:
    table = trials(root)
    numbers = tuple(c for c in table.columns if c.endswith(("_mean", "_std")))
    named = {
        "signal": Columns(Modality.TABULAR, numbers, numbers),
        "frames": Columns(Modality.IMAGE, ("frames",)),
        "captions": Columns(Modality.TEXT, ("captions",)),
    }
    config = build_config(named, TargetConfig("self_reported_confused"), TableConfig(group="subject_id"))
    config = dataclasses.replace(config, seeds=1)
    manifest = Manifest.open(table, config, root / "lectures/eeg_mooc")
    with Bars() as progress:
        return compare(manifest, config, outer_folds=10, metric="accuracy", progress=progress).to_json()


PARTS = {
    "slides": slides, "passages": passages, "exercises": exercises, "transcripts": transcripts, "signal": signal
}  # fmt: skip


def wanted() -> Iterator[str]:
    yield from sys.argv[1:] or PARTS


if __name__ == "__main__":
    education = public_data("education")
    for name in wanted():
        save(f"education_lectures_{name}", PARTS[name](education))

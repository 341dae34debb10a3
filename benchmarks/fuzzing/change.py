"""Damage to files for ``benchmarks.fuzz``: bytes, words and lines, inside of what is packed as well as outside."""

import gzip
import io
import random
import struct
import zipfile
import zlib

_NUMBERS = ["0", "-1", "1e309", "-0.0", "nan", "inf", "99999999999999999999", "1e-320", "٣", "0x10", "1_0", "", "١٢:٠٠"]
_WORDS = [
    "../../etc/passwd", "/etc/passwd", "=cmd|'/c calc'!A1", "null", "true", "[]", "{}", '"', "'", "\\", "|", "%s%n",
    "A" * 100_000, "\0", "\u202e", "\ufeff", "\ud7ff", "\U0001f600", ";", "\t", "\r", "[[line]]", "-->", "{{", "#" * 50,
]  # fmt: skip
_INTEGERS = (
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    2**62,
    2**63,
    2**64 - 1,
)


def change_bytes(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """One to four faults in some bytes; ``other`` is a file of the same kind to take a piece from."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        if not out:
            return bytes(out)
        reach = min(len(out), 512) if rng.random() < 0.5 else len(out)  # headers are met more often
        at, size = rng.randrange(reach), rng.choice((1, 2, 4, 8, 64, 1024))
        match rng.randrange(7):
            case 0:
                out[at] ^= 1 << rng.randrange(8)
            case 1:
                kind = rng.choice(("<B", "<H", ">H", "<I", ">I", "<Q", ">Q"))
                number = rng.choice(_INTEGERS) & (2 ** (8 * struct.calcsize(kind)) - 1)
                out[at : at + struct.calcsize(kind)] = struct.pack(kind, number)
            case 2:
                del out[at:]
            case 3:
                del out[at : at + size]
            case 4:
                out[at:at] = out[at : at + size] * rng.choice((1, 2, 50))
            case 5:
                out[at:at] = rng.randbytes(size)
            case 6:
                out[at : at + size] = other[at : at + rng.choice((size, len(other)))]
    return bytes(out)


def change_text(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Faults of words and lines, sometimes of bytes; now and then brackets nested 100,000 deep."""
    if rng.random() < 0.3:
        return change_bytes(rng, data, other)
    text = data.decode("utf-8", "surrogateescape")
    for _ in range(rng.choice((1, 1, 2, 4))):
        lines = text.splitlines(keepends=True) or [""]
        i, at = rng.randrange(len(lines)), rng.randrange(len(text) + 1)
        match rng.randrange(7):
            case 0:
                text = "".join(lines[:i] + lines[i + 1 :])
            case 1:
                often = min(
                    rng.choice((2, 3, 200)), 2 + 10_000_000 // (len(lines[i]) + 1)
                )  # a long line would fill the memory
                text = "".join(lines[:i] + [lines[i]] * often + lines[i + 1 :])
            case 2:
                j = rng.randrange(len(lines))
                lines[i], lines[j] = lines[j], lines[i]
                text = "".join(lines)
            case 3:
                end = min(len(text), at + rng.randrange(1, 12))
                text = text[:at] + rng.choice(_WORDS) + text[end:]
            case 4:
                digits = [k for k, c in enumerate(text) if c.isdigit()]
                if digits:
                    k = rng.choice(digits)
                    text = text[:k] + rng.choice(_NUMBERS) + text[k + rng.randrange(1, 4) :]
            case 5:
                text = text[:at] + rng.choice(",;\"'\n\r\t:{}[]<>|=-") * rng.choice((1, 2, 40)) + text[at:]
            case 6 if rng.random() < 0.05:
                text = text[:at] + rng.choice(("[", '{"a":', "(")) * 100_000 + text[at:]
            case _:
                text = text[:at] + chr(rng.randrange(0xD800)) + text[at:]
    return text.encode("utf-8", "surrogateescape")


def change_gzip(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Faults behind the packing, or of the packing."""
    if rng.random() < 0.3:
        return change_bytes(rng, data, other)
    return gzip.compress(change_bytes(rng, gzip.decompress(data), gzip.decompress(other)), 1, mtime=0)


def change_zip(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Faults of one member or of its name, or of the archive."""
    if rng.random() < 0.3:
        return change_bytes(rng, data, other)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(sorted(members))
    content = members.pop(name)
    change = change_text if name.endswith(".csv") else change_bytes
    content = change(rng, content, members[rng.choice(sorted(members))] if members else content)
    if rng.random() < 0.15:
        name = rng.choice(("../" + name, "/" + name, name + "/", "a\0b", "C:" + name, name * 40, "\n"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for member, inside in {**members, name: content}.items():
            archive.writestr(zipfile.ZipInfo(member), inside)
    return packed.getvalue()


def change_png(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Faults of bytes; mostly with the check sums made right again, so that they reach the decoder."""
    out = change_bytes(rng, data, other)
    if rng.random() < 0.3:
        return out
    fixed, at = bytearray(out), 8
    while at + 12 <= len(fixed):
        size = int.from_bytes(fixed[at : at + 4], "big")
        end = at + 8 + size
        if end + 4 > len(fixed):
            break
        fixed[end : end + 4] = zlib.crc32(fixed[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(fixed)

"""One file that proves its own soundness: nested values and tensors, written atomically, verified when read.

The file is an ordinary safetensors file: tensors, and a header in JSON. Nothing in it is ever executed, as a
pickle would be. Its metadata hold four fields: `sha256`, `format`, `kind`, and `structure`, which says how
the tensors nest. The digest covers the whole file, with 64 zeros in the digest's own place, so one flipped
bit anywhere is noticed. It guards against accidents, and is no signature: anybody can write a valid file.
"""

import hashlib
import json
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

_FORMAT = "gan_course 1"
_OPENS = {"a game": "store.load", "a network's weights": "store.load_weights"}  # the kinds of content
# Every file begins with 8 bytes that hold the header's length, then this text, then the digest.
_START = 8 + len('{"__metadata__":{"sha256":"')
_DIGEST = slice(_START, _START + 64)


class StoreError(RuntimeError):
    """A file that could not be written, or that cannot be trusted. The message names the file and the fix."""


def write(path: Path, kind: str, content: dict) -> None:
    """Write nested content beside the old file, then let it take the old file's name in one step.

    Whatever kills the process, the name leads to the old file or to the new one, never to half of one.
    Raises StoreError if the file cannot be written, TypeError if it cannot hold some part of the content.
    """
    data = _encode(kind, content)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    killed = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for leftover in path.parent.iterdir():  # from writers that were killed
            if killed.fullmatch(leftover.name):
                with suppress(OSError):
                    leftover.unlink()
        with open(partial, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # the bytes must be on the disk before the name points to them
        os.replace(partial, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"Could not save to {path} ({error.strerror or error}); an earlier save there is intact: "
            "free some space on that disk or choose another place, and save again."
        ) from error
    finally:  # gone already if all went well; this also runs when the learner interrupts the kernel
        with suppress(OSError):
            partial.unlink()


def read(path: Path, kind: str) -> dict:
    """The content that `write` was given, with its tensors on the CPU.

    Raises StoreError unless every bit is as it was written, ValueError if the content is of another kind.
    """
    try:
        data = bytearray(path.read_bytes())
    except OSError as error:
        raise StoreError(
            f"Could not read {path} ({error.strerror or error}): check the path, load an earlier save, or start again."
        ) from error
    claimed, data[_DIGEST] = bytes(data[_DIGEST]), b"0" * 64
    if hashlib.sha256(data).hexdigest().encode() != claimed:
        raise StoreError(
            f"{path} is damaged, cut short, or not a save of this course: load an earlier save, or start again."
        )
    metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    if metadata["format"] != _FORMAT:
        raise StoreError(f"{path} was saved by another version of the course ({metadata['format']}): use that.")
    if metadata["kind"] != kind:
        raise ValueError(f"{path} holds {metadata['kind']}, not {kind}: open it with {_OPENS[metadata['kind']]}.")
    return _unpack(json.loads(metadata["structure"]), safetensors.torch.load(bytes(data)))


def _sync_folder(folder: Path) -> None:
    """Make the new name itself survive a power cut. Windows cannot open a folder, and does this by itself."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _encode(kind: str, content: dict) -> bytes:
    tensors: dict[str, Tensor] = {}
    structure = json.dumps(_pack(content, "", tensors), separators=(",", ":"))
    plain = safetensors.torch.save(tensors)
    start = 8 + int.from_bytes(plain[:8], "little")
    # safetensors writes metadata in random order; written here, the same content always gives the same bytes.
    metadata = {"sha256": "0" * 64, "format": _FORMAT, "kind": kind, "structure": structure}
    header = json.dumps({"__metadata__": metadata, **json.loads(plain[8:start])}, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # the format wants tensors aligned to 8 bytes
    data = bytearray(len(header).to_bytes(8, "little") + header + plain[start:])
    data[_DIGEST] = hashlib.sha256(data).hexdigest().encode()
    return bytes(data)


def _pack(value, at: str, tensors: dict[str, Tensor]):
    """JSON for nested values: it tells tuples from lists, keeps number keys, and moves tensors aside."""
    if _is_plain(value):
        return value
    if isinstance(value, Tensor):
        name = at
        while name in tensors:  # keys that read alike, such as 0 and "0"
            name += "_"
        # A copy of its own: safetensors refuses memory that two layers share.
        tensors[name] = value.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {"tensor": name}
    if isinstance(value, dict) and all(map(_is_plain, value)):
        return {"dict": [[key, _pack(item, f"{at}.{key}".lstrip("."), tensors)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_pack(item, f"{at}.{i}", tensors) for i, item in enumerate(value)]}
    raise TypeError(
        f"{at} is a {type(value).__name__}, which a save cannot hold: "
        "use dicts with plain keys, lists, tuples, tensors, numbers, strings and None."
    )


def _unpack(value, tensors: dict[str, Tensor]):
    if _is_plain(value):
        return value
    ((kind, inner),) = value.items()
    if kind == "tensor":
        return tensors[inner]
    if kind == "dict":
        return {key: _unpack(item, tensors) for key, item in inner}
    return {"list": list, "tuple": tuple}[kind](_unpack(item, tensors) for item in inner)


def _is_plain(value) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))

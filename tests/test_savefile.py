import math
import os
import pickle
import random
import resource
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
import safetensors
import safetensors.torch
import torch

from gan_course import savefile
from gan_course.savefile import StoreError

KIND = "a network's weights"


def content(size: int = 50) -> dict:
    return {"a": torch.arange(size, dtype=torch.float32), "b": {"c": [1, 2.5, "text"]}}


def leftovers(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir() if file.name.endswith(".partial")]


def test_every_kind_of_value_comes_back_as_it_was(tmp_path):
    shared = torch.randn(3, 4)
    given = {
        "shared": shared,
        "again": shared,
        "part of it, turned": shared[:, 1:].T,
        "half": torch.randn(5).bfloat16(),
        "no dimension": torch.tensor(7),
        "nothing in it": torch.empty(0, 3),
        "bytes": torch.arange(256, dtype=torch.uint8),
        "not numbers": torch.tensor([math.nan, math.inf]),
        "keys": {0: torch.ones(1), "0": torch.zeros(1), 1.5: "x", None: True, "a.b": torch.ones(2)},
        "a": {"b": torch.zeros(2)},
        "pair": (0.1, (1, [None, False]), []),
        "numbers": [math.inf, -math.inf, 2**200, 1e-320, -0.0],
        "text": '"sha256":"' + "0" * 64 + '" — “ünï”\n',
    }
    savefile.write(tmp_path / "x", KIND, given)
    back = savefile.read(tmp_path / "x", KIND)
    assert describe(back) == describe(given)
    assert repr(back["numbers"]) == repr(given["numbers"])


def describe(value):
    """A nested value with each tensor replaced by what is in it, bit for bit."""
    if isinstance(value, torch.Tensor):
        return value.dtype, tuple(value.shape), value.contiguous().flatten().view(torch.uint8).tolist()
    if isinstance(value, dict):
        return {(type(key), key): describe(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value), [describe(item) for item in value]
    return type(value), value


def test_it_is_a_safetensors_file_and_the_same_content_gives_the_same_bytes(tmp_path):
    for name in "xyz":
        savefile.write(tmp_path / name, KIND, content())
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes() == (tmp_path / "z").read_bytes()
    with safetensors.safe_open(tmp_path / "x", "pt") as file:
        assert file.metadata()["kind"] == KIND and len(file.metadata()["sha256"]) == 64
        assert torch.equal(file.get_tensor("a"), content()["a"])


def test_a_flipped_bit_anywhere_is_refused(tmp_path):
    path = tmp_path / "x"
    savefile.write(path, KIND, content(500))
    whole = path.read_bytes()
    rng = random.Random(0)
    header = 8 + int.from_bytes(whole[:8], "little")
    assert header < 1000 < len(whole)
    # Every bit of the length, the digest and its surroundings; every byte of the header; and the tensors.
    bits = [*range(8 * 120), *(8 * i + rng.randrange(8) for i in range(120, header))]
    bits += [8 * i + rng.randrange(8) for i in range(header, header + 20)]
    bits += [rng.randrange(8 * len(whole)) for _ in range(300)] + [8 * len(whole) - 1]
    for bit in bits:
        broken = bytearray(whole)
        broken[bit // 8] ^= 1 << bit % 8
        path.write_bytes(broken)
        with pytest.raises(StoreError, match=r"/x is damaged.*load an earlier save, or start again\.$"):
            savefile.read(path, KIND)
    path.write_bytes(whole)
    assert describe(savefile.read(path, KIND)) == describe(content(500))


def test_a_file_cut_short_or_with_something_added_is_refused(tmp_path):
    path = tmp_path / "x"
    savefile.write(path, KIND, content())
    whole = path.read_bytes()
    for end in (0, 1, 7, 8, 20, 34, 35, 98, 99, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(StoreError, match="damaged, cut short"):
            savefile.read(path, KIND)
    path.write_bytes(whole + b"\0")
    with pytest.raises(StoreError, match="damaged"):
        savefile.read(path, KIND)


class Trap:
    """Runs a command when it is unpickled."""

    def __init__(self, target: Path):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def test_a_foreign_file_is_refused_and_never_unpickled(tmp_path):
    sprung = tmp_path / "sprung"
    (tmp_path / "p").write_bytes(pickle.dumps(Trap(sprung)))
    torch.save({"G": Trap(sprung)}, tmp_path / "t")
    safetensors.torch.save_file({"a": torch.ones(3)}, tmp_path / "s", metadata={"kind": KIND})
    (tmp_path / "text").write_text("hello")
    for name in ("p", "t", "s", "text"):
        with pytest.raises(StoreError, match=f"/{name} is damaged.*not a save of this course"):
            savefile.read(tmp_path / name, KIND)
    assert not sprung.exists()
    pickle.loads((tmp_path / "p").read_bytes())
    assert sprung.exists()  # the trap was live


def test_a_missing_file_a_folder_and_another_kind_each_get_one_sentence(tmp_path):
    with pytest.raises(StoreError, match=r"Could not read .*absent \(No such file.*check the path"):
        savefile.read(tmp_path / "absent", KIND)
    with pytest.raises(StoreError, match="Could not read"):
        savefile.read(tmp_path, KIND)
    savefile.write(tmp_path / "x", KIND, content())
    with pytest.raises(ValueError, match=r"holds a network's weights, not a game: open it with store.load_weights"):
        savefile.read(tmp_path / "x", "a game")


def test_another_version_of_the_format_is_refused(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(savefile, "_FORMAT", "gan_course 9")
        savefile.write(tmp_path / "x", KIND, content())
    with pytest.raises(StoreError, match=r"another version of the course \(gan_course 9\)"):
        savefile.read(tmp_path / "x", KIND)


def test_what_a_file_cannot_hold_is_refused_before_the_disk_is_touched(tmp_path):
    savefile.write(tmp_path / "x", KIND, content())
    for bad in ({1, 2}, object(), {(1, 2): 3}):
        with pytest.raises(TypeError, match=r"card\.note is a \w+, which a save cannot hold: use dicts"):
            savefile.write(tmp_path / "x", KIND, {"card": {"note": bad}})
    assert describe(savefile.read(tmp_path / "x", KIND)) == describe(content())


def test_leftovers_of_killed_writers_go_at_the_next_write_and_other_files_stay(tmp_path):
    for name in (".x.0123abcd.partial", ".x.more.0123abcd.partial", ".y.0123abcd.partial", "x.partial"):
        (tmp_path / name).write_bytes(b"half")
    savefile.write(tmp_path / "x", KIND, content())
    assert sorted(os.listdir(tmp_path)) == [".x.more.0123abcd.partial", ".y.0123abcd.partial", "x", "x.partial"]


def test_folders_are_made_and_a_place_that_cannot_be_one_gets_one_sentence(tmp_path):
    savefile.write(tmp_path / "new" / "er" / "x", KIND, content())
    with pytest.raises(StoreError, match=r"Could not save to .*/x/y \(.*choose another place"):
        savefile.write(tmp_path / "new" / "er" / "x" / "y", KIND, content())
    with pytest.raises(StoreError, match="Could not save to"):
        savefile.write(tmp_path / "new", KIND, content())  # a folder stands there
    assert leftovers(tmp_path) == []


@contextmanager
def file_size_limit(folder: Path):
    """The kernel cuts every file that this process writes at 20 kB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def filled(folder: Path):
    """Fill the file system up to its last 20 kB."""
    filler = folder / "filler"
    with pytest.raises(OSError, match="No space left"), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(b"x" * 10_000)
    os.truncate(filler, filler.stat().st_size - 20_000)
    try:
        yield
    finally:
        filler.unlink()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB and a way to fill it; where none may be mounted, a limit on the size of files."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0:
        yield tmp_path, filled
        subprocess.run(["umount", str(tmp_path)], check=True)
    else:
        yield tmp_path, file_size_limit


def check_full_disk(folder: Path, full) -> None:
    path = folder / "x"
    savefile.write(path, KIND, content(10_000))
    before = path.read_bytes()
    with full(folder):
        for _ in range(3):
            with pytest.raises(StoreError, match=r"Could not save to .*/x \(.*earlier save there is intact: free some"):
                savefile.write(path, KIND, content(10_001))
            assert path.read_bytes() == before and leftovers(folder) == []
    savefile.write(path, KIND, content(10_001))
    assert len(savefile.read(path, KIND)["a"]) == 10_001


def test_a_full_disk_leaves_the_old_save_and_no_rubbish(small_disk):
    check_full_disk(*small_disk)


def test_a_limit_on_file_size_leaves_the_old_save_and_no_rubbish(tmp_path):
    check_full_disk(tmp_path, file_size_limit)


def test_an_interrupted_write_leaves_the_old_save_and_no_rubbish(tmp_path, monkeypatch):
    savefile.write(tmp_path / "x", KIND, content())

    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        savefile.write(tmp_path / "x", KIND, content(60))
    assert os.listdir(tmp_path) == ["x"] and len(savefile.read(tmp_path / "x", KIND)["a"]) == 50

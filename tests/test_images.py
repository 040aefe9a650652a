import dataclasses
import gzip
import hashlib
import http.server
import os
import resource
import socket
import struct
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from gan_course import images
from gan_course.images import FILES, DataError

ROOT = Path(__file__).resolve().parents[1]
REAL = Path(os.environ.get("GAN_COURSE_TEST_MNIST") or ROOT.parent / "shared" / "data" / "mnist")
IMAGES, LABELS = FILES["test"]


def write_idx(array: np.ndarray) -> bytes:
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return gzip.compress(head + array.astype(np.uint8).tobytes(), mtime=0)


def made_up(n: int = 30, seed: int = 0) -> dict[str, bytes]:
    rng = np.random.default_rng(seed)
    return {IMAGES: write_idx(rng.integers(256, size=(n, 28, 28))), LABELS: write_idx(rng.integers(10, size=n))}


def sums(files: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


@pytest.fixture(scope="session")
def official() -> tuple[images.Archive, dict[str, bytes]]:
    """MNIST's real test files where this machine has them; else a small set of the same form."""
    if REAL.is_dir():
        return images.MNIST, {name: (REAL / name).read_bytes() for name in FILES["test"]}
    files = made_up()
    return dataclasses.replace(images.MNIST, checksums=sums(files)), files


class Mirror(http.server.ThreadingHTTPServer):
    """A loopback server. `behave` says what each further request gets, its last entry again and again."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes], behave: tuple = ("serve",)):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.behave, self.asked, self.closing = files, list(behave), [], threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/data/"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name, server = self.path.removeprefix("/data/"), self.server
        server.asked.append(name)
        behaviour = server.behave.pop(0) if len(server.behave) > 1 else server.behave[0]
        data = server.files[name]
        if isinstance(behaviour, int):
            self.send_error(behaviour)
            return
        if behaviour == "alter":
            data = data[:-1] + bytes([data[-1] ^ 1])
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if behaviour in ("cut", "stall"):
            self.wfile.write(data[: len(data) // 2])
            self.wfile.flush()
            if behaviour == "stall":
                server.closing.wait(20)
        else:
            self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(official, monkeypatch):
    """Starts mirrors, and makes `images.mnist` use them, with pauses too short to wait for."""
    archive, files = official
    started = []
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.delenv("GAN_COURSE_DATA", raising=False)
    monkeypatch.setattr(images, "PAUSES", (0.0, 0.01, 0.02))

    def start(*behaviours: tuple) -> list[Mirror]:
        started.extend(Mirror(files, behave) for behave in behaviours)
        urls = tuple(server.url for server in started)
        monkeypatch.setattr(images, "MNIST", dataclasses.replace(archive, mirrors=urls))
        return started

    yield start
    for server in started:
        server.stop()


def everything_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def test_digits_are_scikit_learns_in_our_range():
    x, y = images.digits()
    truth = load_digits()
    assert x.shape == (1797, 1, 8, 8) and x.dtype == torch.float32 and y.dtype == torch.int64
    assert np.array_equal((x[:, 0].numpy() + 1) * 8, truth.images)
    assert np.array_equal(y.numpy(), truth.target)
    assert x.min() == -1 and x.max() == 1


@pytest.mark.parametrize("size", [16, 28, 32])
def test_digits_resized_keep_their_range_and_look(size):
    small, x = images.digits()[0], images.digits(size=size)[0]
    assert x.shape == (1797, 1, size, size)
    assert x.min() >= -1 and x.max() <= 1
    # Averaged back to 8x8 (4x4 where 8 does not divide the size), they are nearly the same pictures.
    cells = 4 if size % 8 else 8
    back, truth = (torch.nn.functional.adaptive_avg_pool2d(t, cells).flatten() for t in (x, small))
    assert torch.corrcoef(torch.stack([back, truth]))[0, 1] > 0.95


def test_the_divisions_of_digits_are_fixed_and_have_every_class():
    (x, y), (train, y_train), (test, y_test) = (images.digits(split=s) for s in ("all", "train", "test"))
    assert len(train) == 1437 and len(test) == 360
    again = images.digits(split="test")
    assert torch.equal(test, again[0]) and torch.equal(y_test, again[1])
    assert y_test.bincount().min() >= 20 and y_train.bincount().min() >= 100
    parts = torch.cat([torch.cat([train, test]).flatten(1), torch.cat([y_train, y_test])[:, None]], dim=1)
    whole = torch.cat([x.flatten(1), y[:, None]], dim=1)
    assert sorted(parts.tolist()) == sorted(whole.tolist())


def test_bad_arguments_get_one_sentence():
    with pytest.raises(ValueError, match=r"size must be one of 8, 16, 28, 32; got 12\."):
        images.digits(size=12)
    with pytest.raises(ValueError, match="split must be one of 'all', 'train', 'test'; got 'valid'"):
        images.digits(split="valid")
    with pytest.raises(ValueError, match="split must be one of 'train', 'test'; got 'all'"):
        images.mnist(split="all")
    with pytest.raises(ValueError, match="size must be one of 28, 32; got 8"):
        images.fashion_mnist(size=8)


def test_images_go_to_the_device_that_is_named():
    assert all(t.device.type == "meta" for t in images.digits(device="meta"))
    assert all(t.device == torch.get_default_device() for t in images.digits())


def test_mnist_is_downloaded_checked_parsed_and_kept(official, mirror, tmp_path, capsys):
    _, files = official
    (server,) = mirror(("serve",))
    x, y = images.mnist("test", folder=tmp_path)
    assert capsys.readouterr().err.count("100%") == 2  # a progress bar for each file
    pixels = np.frombuffer(gzip.decompress(files[IMAGES])[16:], np.uint8).reshape(-1, 1, 28, 28)
    assert x.dtype == torch.float32 and y.dtype == torch.int64
    assert np.array_equal(np.rint((x.numpy() + 1) * 127.5), pixels) and x.min() == -1 and x.max() == 1
    assert bytes(y.tolist()) == gzip.decompress(files[LABELS])[8:]
    assert server.asked == [IMAGES, LABELS]
    assert {p.name: p.read_bytes() for p in (tmp_path / "mnist").iterdir()} == files

    server.stop()  # the second call needs no server
    wide, again = images.mnist("test", folder=tmp_path, size=32)
    assert torch.equal(wide[:, :, 2:-2, 2:-2], x) and torch.equal(again, y)
    wide[:, :, 2:-2, 2:-2] = -1
    assert (wide == -1).all()
    assert server.asked == [IMAGES, LABELS]


def test_the_folder_may_come_from_the_environment_and_hold_the_files_by_themselves(
    official, mirror, tmp_path, monkeypatch
):
    mirror((500,))
    for name, data in official[1].items():
        (tmp_path / name).write_bytes(data)
    monkeypatch.setenv("GAN_COURSE_DATA", str(tmp_path))
    assert len(images.mnist("test")[1]) > 0
    assert everything_in(tmp_path) == sorted(FILES["test"])


def test_without_a_folder_the_users_cache_is_used(official, mirror, tmp_path, monkeypatch):
    mirror(("serve",))
    monkeypatch.setattr(images.pooch, "os_cache", lambda project: tmp_path / project)
    images.mnist("test")
    assert everything_in(tmp_path / "gan_course" / "mnist") == sorted(FILES["test"])


@pytest.mark.parametrize("failure", [404, 500, "alter", "cut", "stall"])
def test_where_the_first_mirror_fails_the_second_serves(failure, mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(images, "TIMEOUT", 0.3)
    first, second = mirror((failure,), ("serve",))
    images.mnist("test", folder=tmp_path)
    assert first.asked == second.asked == [IMAGES, LABELS]
    assert everything_in(tmp_path) == sorted(FILES["test"])


def test_a_transfer_that_breaks_off_is_tried_again(mirror, tmp_path):
    (server,) = mirror(("cut", 500, "serve", "cut", "alter", "serve"))
    images.mnist("test", folder=tmp_path)
    assert server.asked == [IMAGES] * 3 + [LABELS] * 3
    assert everything_in(tmp_path) == sorted(FILES["test"])


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (404, "the server answered 404"),
        (500, "the server answered 500"),
        ("alter", "a wrong checksum"),
        ("cut", "the transfer broke off"),
        ("stall", "no answer in time"),
    ],
)
def test_where_every_mirror_fails_one_sentence_says_so_and_nothing_is_left(
    failure, words, mirror, tmp_path, monkeypatch
):
    monkeypatch.setattr(images, "TIMEOUT", 0.1)
    first, second = mirror((failure,), (404,))
    with pytest.raises(DataError) as caught:
        images.mnist("test", folder=tmp_path)
    hosts = [f"127.0.0.1:{server.server_port}" for server in (first, second)]
    assert str(caught.value) == (
        f"Could not download {IMAGES} of MNIST ({hosts[0]}: {words}, {hosts[1]}: the server answered 404): "
        f"check the network and try again, or put the official file into {tmp_path / 'mnist'}."
    )
    assert first.asked == second.asked == [IMAGES] * 3
    assert everything_in(tmp_path) == []


def test_without_a_network_one_sentence_says_what_to_do(official, mirror, tmp_path, monkeypatch):
    mirror((500,))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens: connections are refused
        gone = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        monkeypatch.setattr(images, "MNIST", dataclasses.replace(images.MNIST, mirrors=(gone,)))
        with pytest.raises(DataError, match=r": no connection\): check the network.*put the official file into"):
            images.mnist("test", folder=tmp_path)
    assert everything_in(tmp_path) == []


@pytest.mark.parametrize("where", [".", "mnist"])
def test_a_wrong_file_in_the_users_folder_is_refused_and_left_alone(where, official, mirror, tmp_path):
    _, files = official
    (server,) = mirror(("serve",))
    path = tmp_path / where / LABELS
    path.parent.mkdir(exist_ok=True)
    (path.parent / IMAGES).write_bytes(files[IMAGES])
    for wrong in (b"", files[LABELS][:-10], files[LABELS] + b"\0", files[IMAGES]):
        path.write_bytes(wrong)
        with pytest.raises(DataError, match=f"{LABELS} is not the official file of MNIST.*or delete this one to have"):
            images.mnist("test", folder=tmp_path)
        assert path.read_bytes() == wrong
    assert server.asked == []
    path.unlink()
    images.mnist("test", folder=tmp_path)
    assert server.asked == [LABELS]


@pytest.fixture
def unwritable(tmp_path):
    """Folders in which nothing can be written: root ignores permissions, but not a read-only file system."""
    (tmp_path / "file").write_text("no folder")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(closed)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    yield [tmp_path / "file" / "cache"] + [closed] * (mounted or os.geteuid() != 0)
    if mounted:
        subprocess.run(["umount", str(closed)], check=True)


def test_a_cache_that_cannot_be_written_gets_one_sentence(mirror, unwritable):
    (server,) = mirror(("serve",))
    for place in unwritable:
        with pytest.raises(DataError, match=r"Could not write to .*mnist \(.*\): .*folder=, or set GAN_COURSE_DATA"):
            images.mnist("test", folder=place)
    assert server.asked == []


def test_a_disk_that_fills_up_during_the_download_gets_one_sentence_and_keeps_no_rubbish(mirror, tmp_path):
    mirror(("serve",))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with pytest.raises(DataError, match=r"Could not write to .*a disk with space"):
            images.mnist("test", folder=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert everything_in(tmp_path) == []


def test_fashion_mnist_is_checked_by_the_md5_that_its_authors_publish(tmp_path, monkeypatch):
    files = made_up(seed=1)
    checksums = {name: "md5:" + hashlib.md5(data).hexdigest() for name, data in files.items()}
    monkeypatch.setattr(images, "FASHION_MNIST", dataclasses.replace(images.FASHION_MNIST, checksums=checksums))
    folder = tmp_path / "fashion_mnist"
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    x, y = images.fashion_mnist("test", folder=tmp_path, size=32)
    assert x.shape == (30, 1, 32, 32) and y.shape == (30,)
    (folder / IMAGES).write_bytes(made_up(seed=2)[IMAGES])
    with pytest.raises(DataError, match="not the official file of Fashion-MNIST"):
        images.fashion_mnist("test", folder=tmp_path)


def test_images_and_labels_that_do_not_match_are_refused(tmp_path):
    for bad in (
        {LABELS: made_up(29)[LABELS]},
        {IMAGES: write_idx(np.zeros((30, 27, 28)))},
        {LABELS: made_up()[IMAGES]},
    ):
        files = {**made_up(), **bad}
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        archive = dataclasses.replace(images.MNIST, checksums=sums(files))
        with pytest.raises(DataError, match=r"should have 28x28 images and a label for each.*delete its files"):
            images.load(archive, "test", tmp_path, None, 28)


def test_a_file_that_is_no_idx_file_is_refused():
    good = np.arange(24).reshape(2, 3, 4)
    assert np.array_equal(images.read_idx(write_idx(good), "x"), good)
    raw = gzip.decompress(write_idx(good))
    wrong = [
        raw[:-1],
        raw + b"\0",
        raw[:15],
        raw[:4],
        raw[:3],
        b"",
        b"\0\0\x09" + raw[3:],
        b"\1" + raw[1:],
        b"\0\0\x08\0",
    ]
    for data in wrong:
        with pytest.raises(DataError, match="^x is not a complete IDX file of bytes: get the official file again"):
            images.read_idx(gzip.compress(data), "x")
    packed = write_idx(good)
    for data in (packed[:-9], packed[:5], b"plain text", packed[:12] + b"\xff\xff" + packed[14:]):
        with pytest.raises(DataError, match="^x cannot be decompressed .*: get the official file again"):
            images.read_idx(data, "x")


def test_the_data_readme_lists_every_checksum():
    text = (ROOT / "data" / "README.md").read_text()
    for archive in (images.MNIST, images.FASHION_MNIST):
        assert set(archive.checksums) == {name for pair in FILES.values() for name in pair}
        for name, checksum in archive.checksums.items():
            assert f"| {name} | `{checksum.removeprefix('md5:')}` |" in text

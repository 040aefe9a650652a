"""Image sets as tensors on the device: scikit-learn's digits, which come with it, MNIST and Fashion-MNIST.

Every function gives `(x, y)`: images x, float32 of shape (n, 1, size, size) in [-1, 1], and labels y, int64 of
shape (n,) from 0 to 9. `data/README.md` says where the sets come from, and under which licence.

MNIST and Fashion-MNIST are downloaded once, checked against their published checksums, and kept. Without a
network, put the official .gz files into a folder, and name it: `mnist(folder="my/data")`, or set GAN_COURSE_DATA.
"""

import gzip
import hashlib
import math
import os
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pooch
import requests
import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
# All mirrors are tried in turn, once after each of these pauses.
PAUSES = (0.0, 1.0, 3.0)  # seconds
TIMEOUT = 20.0  # seconds without a byte


class DataError(RuntimeError):
    """Data that could not be had, or cannot be trusted. The message names the file and the fix."""


@dataclass(frozen=True)
class Archive:
    """Where four official files live. `checksums` maps a file to its SHA-256, or to "md5:" and its MD5."""

    name: str
    subfolder: str
    mirrors: tuple[str, ...]
    checksums: dict[str, str]


MNIST = Archive(
    "MNIST",
    "mnist",
    ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
    {
        "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
)
FASHION_MNIST = Archive(
    "Fashion-MNIST",
    "fashion_mnist",
    (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    {  # MD5, because that is what its authors publish
        "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
    },
)


def digits(size: int = 8, device: torch.device | str | None = None, split: str = "all") -> tuple[Tensor, Tensor]:
    """The 1797 handwritten digits of 8x8 pixels that come with scikit-learn: no download.

    size:   8 as they are; 16, 28 or 32 by bilinear interpolation, to suit the networks in `nets.conv`.
    split:  "all"; or "train" (1437) and "test" (360), the one division of them in the course, random in each class.
    """
    _check_choice("size", size, (8, 16, 28, 32))
    _check_choice("split", split, ("all", "train", "test"))
    from sklearn.datasets import load_digits  # a second of import that only this function needs
    from sklearn.model_selection import train_test_split

    found = load_digits()
    # The bundled networks were trained on these very rows (a test pins them), so "test" is unseen by them too.
    every = np.arange(len(found.target))
    train, test = train_test_split(every, test_size=360, stratify=found.target, random_state=0)
    rows = {"all": every, "train": train, "test": test}[split]
    x = torch.tensor(found.images[rows], dtype=torch.float32).unsqueeze(1) / 8 - 1  # from 0 ... 16
    if size != 8:
        x = interpolate(x, size=(size, size), mode="bilinear", align_corners=False)
    return _on(device, x, torch.tensor(found.target[rows], dtype=torch.int64))


def mnist(
    split: str = "train",
    folder: str | os.PathLike | None = None,
    device: torch.device | str | None = None,
    size: int = 28,
) -> tuple[Tensor, Tensor]:
    """MNIST: 60,000 handwritten digits ("train") or 10,000 ("test"). LeCun, Cortes & Burges 1998.

    folder: where the files lie, or are to be kept; else $GAN_COURSE_DATA, else the user's cache.
    size:   28, or 32 with a black border of 2 pixels.

    Raises DataError if the files can neither be found nor downloaded, or are not the official ones.
    """
    return load(MNIST, split, folder, device, size)


def fashion_mnist(
    split: str = "train",
    folder: str | os.PathLike | None = None,
    device: torch.device | str | None = None,
    size: int = 28,
) -> tuple[Tensor, Tensor]:
    """Fashion-MNIST: ten kinds of clothes, in the form of MNIST. Xiao, Rasul & Vollgraf 2017. Else as `mnist`."""
    return load(FASHION_MNIST, split, folder, device, size)


def load(
    archive: Archive,
    split: str,
    folder: str | os.PathLike | None,
    device: torch.device | str | None,
    size: int,
) -> tuple[Tensor, Tensor]:
    """What `mnist` does, from any archive of its form: `dataclasses.replace(MNIST, mirrors=...)`, say."""
    _check_choice("split", split, tuple(FILES))
    _check_choice("size", size, (28, 32))
    folder = Path(folder or os.environ.get("GAN_COURSE_DATA") or pooch.os_cache("gan_course")).expanduser()
    images, labels = (read_idx(_official(archive, name, folder), name) for name in FILES[split])
    if labels.ndim != 1 or images.shape != (len(labels), 28, 28):
        raise DataError(
            f"{archive.name} should have 28x28 images and a label for each, but has images of shape "
            f"{images.shape} and labels of shape {labels.shape}: delete its files in {folder} and try again."
        )
    x, y = _on(device, torch.from_numpy(images), torch.from_numpy(labels))
    x = pad(x.unsqueeze(1), [(size - 28) // 2] * 4)
    return x.float().div_(127.5).sub_(1), y.long()


def read_idx(data: bytes, name: str) -> np.ndarray:
    """The array of bytes in a gzipped IDX file: 0, 0, 8 (for bytes), the number of axes, each axis's length, data.

    Lengths are big-endian. Raises DataError naming the file if it is anything else.
    """
    try:
        raw = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{name} cannot be decompressed ({error}): get the official file again.") from error
    axes = raw[3] if raw[:3] == b"\0\0\x08" and len(raw) > 3 else 0
    shape = tuple(int(n) for n in np.frombuffer(raw[4 : 4 + 4 * axes], ">u4")) if len(raw) >= 4 + 4 * axes else ()
    if not axes or len(shape) != axes or len(raw) != 4 + 4 * axes + math.prod(shape):
        raise DataError(f"{name} is not a complete IDX file of bytes: get the official file again.")
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape).copy()


def _official(archive: Archive, name: str, folder: Path) -> bytes:
    """The bytes of an official file: from the folder, or its subfolder for this set, or downloaded to there."""
    path = next((p for p in (folder / archive.subfolder / name, folder / name) if p.is_file()), None)
    path = path or _download(archive, name, folder / archive.subfolder)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"Could not read {path} ({error.strerror}): make it readable, or delete it.") from error
    algorithm, _, digest = archive.checksums[name].rpartition(":")
    if hashlib.new(algorithm or "sha256", data).hexdigest() != digest:
        raise DataError(
            f"{path} is not the official file of {archive.name} (its checksum differs): put the official file "
            f"into {folder / archive.subfolder}, or delete this one to have it downloaded."
        )
    return data


def _download(archive: Archive, name: str, folder: Path) -> Path:
    # pooch downloads to a temporary file in the same folder, and renames it only after its checksum is right.
    fetch = pooch.HTTPDownloader(progressbar=True, chunk_size=2**16, timeout=TIMEOUT)
    problems = {}
    for pause in PAUSES:
        time.sleep(pause)
        for mirror in archive.mirrors:
            try:
                return Path(pooch.retrieve(mirror + name, archive.checksums[name], name, folder, downloader=fetch))
            except (requests.RequestException, ValueError) as error:  # ValueError: pooch found a wrong checksum
                problems[urlsplit(mirror).netloc] = _in_words(error)
            except OSError as error:
                raise DataError(
                    f"Could not write to {folder} ({error.strerror}): "
                    "name a folder on a disk with space for your files with folder=, or set GAN_COURSE_DATA."
                ) from error
    raise DataError(
        f"Could not download {name} of {archive.name} ({', '.join(map(': '.join, problems.items()))}): check the "
        f"network and try again, or put the official file into {folder}."
    )


def _in_words(error: Exception) -> str:
    if isinstance(error, requests.HTTPError):
        return f"the server answered {error.response.status_code}"
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return "the transfer broke off" if isinstance(error, requests.RequestException) else "a wrong checksum"


def _on(device: torch.device | str | None, *tensors: Tensor) -> tuple[Tensor, ...]:
    device = torch.get_default_device() if device is None else device
    return tuple(t.to(device) for t in tensors)


def _check_choice(name: str, value, choices: tuple) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}.")

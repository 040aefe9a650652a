"""The images of a run: an original set from a folder or the network, or the 8x8 digits that need neither."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from .. import images
from ..images import DataError

_SETS = {
    "mnist": (images.mnist, "MNIST (LeCun, Cortes and Burges 1998)", "CC BY-SA 3.0"),
    "fashion_mnist": (images.fashion_mnist, "Fashion-MNIST (Xiao, Rasul and Vollgraf 2017)", "MIT"),
}
HELD_OUT = 0.2  # of the images, where a set comes without its other split


@dataclass(frozen=True)
class Data:
    """Images to train on, and others held out to measure by; x (n, channels, size, size) in [-1, 1], y (n,) int64."""

    x: Tensor
    y: Tensor
    x_test: Tensor
    y_test: Tensor
    name: str
    licence: str

    @property
    def size(self) -> int:
        return self.x.shape[-1]

    def card(self) -> dict:
        return {"name": self.name, "images": len(self.x), "held out": len(self.x_test), "licence": self.licence}


def find(name: str, size: int, where: str | None, device: torch.device) -> Data:
    """The images of a recipe.

    where: a folder with the set's official .gz files (all four, or those of one split); "digits" for scikit-learn's
    8x8 digits in place of the recipe's own set; None for $GAN_COURSE_DATA, the user's cache, or a download.
    Raises DataError, naming the fix.
    """
    if where == "digits":
        parts = *images.digits(device=device, split="train"), *images.digits(device=device, split="test")
        return Data(*parts, "scikit-learn's 8x8 digits (Alpaydin and Kaynak 1998)", "CC BY 4.0")
    load, title, licence = _SETS[name]
    if where is None:
        try:
            parts = *load("train", device=device, size=size), *load("test", device=device, size=size)
        except DataError as error:
            raise DataError(f"{error} Or give --data FOLDER with the files, or --data digits to try it.") from error
        return Data(*parts, title, licence)
    splits = [split for split, files in images.FILES.items() if all(_has(Path(where), name, file) for file in files)]
    if not splits:
        wanted = ", ".join(file for files in images.FILES.values() for file in files)
        raise DataError(
            f"{where} has no complete split of {title}: put the official files there ({wanted}), leave --data out to "
            "have them downloaded, or try the recipe on --data digits."
        )
    if len(splits) == 2:
        return Data(*load("train", where, device, size), *load("test", where, device, size), title, licence)
    # The one split is divided, always in the same way.
    x, y = load(splits[0], where, device, size)
    rows = torch.randperm(len(x), generator=torch.Generator().manual_seed(0)).to(x.device)
    test, train = rows[: int(HELD_OUT * len(x))], rows[int(HELD_OUT * len(x)) :]
    name = f"{title}, only the {len(x):,} images of its {splits[0]} split"
    return Data(x[train], y[train], x[test], y[test], name, licence)


def _has(folder: Path, name: str, file: str) -> bool:
    return (folder / name / file).is_file() or (folder / file).is_file()

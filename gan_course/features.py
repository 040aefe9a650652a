"""A small classifier of 8x8 digits, trained by this project: its features are what the image scores compare.

A Frechet distance on these features is no FID: that name belongs to one other network (Heusel et al. 2017).
`python -m gan_course.features` trains it again from its fixed seed and split and says whether the result is,
bit for bit, the file in data/; another processor or PyTorch may round differently.
"""

import argparse
import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from . import images
from .nets import conv

WEIGHTS = Path(__file__).resolve().parents[1] / "data" / "digits_classifier.safetensors"
SHA256 = "02271e10779063e13b4c6729d7e058c3f99adbe27a1026711883cc3c97abfd6b"
SEED, EPOCHS, BATCH, LR, WIDTH = 0, 40, 64, 3e-3, 16


class DigitsClassifier(nn.Module):
    """Images (n, 1, 8, 8) in [-1, 1] to logits (n, 10); `features` gives the layer before, (n, 64).

    `card` is what is known of it, a dict: training, split, accuracy on the images that it was not trained on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.net = conv.classifier(size=8, channels=1, classes=10, width=WIDTH)
        self.card: dict = {}

    def features(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1:] != (1, 8, 8):
            raise ValueError(f"The digits classifier takes images of shape (n, 1, 8, 8), not {tuple(x.shape)}.")
        return self.net.features(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.net.head(self.features(x))


def digits_classifier(device: torch.device | str | None = None, path: Path = WEIGHTS) -> DigitsClassifier:
    """The bundled classifier, in eval mode and frozen, on `device` (by default the processor).

    Raises FileNotFoundError or ValueError where the weights are missing or are not the released ones.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path.name} is missing from {path.parent}: take data/ again from the course's repository."
        )
    blob = path.read_bytes()
    if hashlib.sha256(blob).hexdigest() != SHA256:
        raise ValueError(
            f"{path} is damaged or was replaced (wrong SHA-256): take it again from the course's repository."
        )
    net = DigitsClassifier()
    net.net.load_state_dict(load(blob))
    net.card = _card(blob)
    return net.eval().requires_grad_(False).to(device)


def digits_split() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(x_train, y_train, x_test, y_test) of `images.digits`: 1437 digits to train on and 360 to test on."""
    return *images.digits(split="train"), *images.digits(split="test")


def train_classifier() -> bytes:
    """Train on the 80 % and return the .safetensors file's bytes, the same at every call on one machine."""
    x, y, x_test, y_test = digits_split()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more threads add in another order, and the last bits differ
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        net = DigitsClassifier()
        steps = EPOCHS * (len(x) // BATCH)
        opt = torch.optim.AdamW(net.parameters(), lr=LR, weight_decay=0.05)
        schedule = torch.optim.lr_scheduler.OneCycleLR(opt, LR, total_steps=steps)
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(x)).split(BATCH)[: len(x) // BATCH]:
                opt.zero_grad()
                nn.functional.cross_entropy(net(x[rows]), y[rows], label_smoothing=0.1).backward()
                opt.step()
                schedule.step()
    with torch.no_grad():
        right = (net.eval()(x_test).argmax(1) == y_test).sum().item()
    torch.set_num_threads(threads)
    card = {
        "what": "convolutional classifier of scikit-learn's 8x8 digits; 64 features before the last layer",
        "parameters": sum(p.numel() for p in net.parameters()),
        "split": "80/20 by class, train_test_split(random_state=0)",
        "test_images": len(y_test),
        "test_right": right,
        "test_accuracy": right / len(y_test),
        "training": f"AdamW, {EPOCHS} epochs of batches of {BATCH}, label smoothing 0.1, seed {SEED}",
        "licence": "MIT, as the rest of this project's code",
    }
    # One key only: safetensors writes several in an order that changes from run to run.
    return save(net.net.state_dict(), {"card": json.dumps(card)})


def _card(blob: bytes) -> dict:
    size = int.from_bytes(blob[:8], "little")
    return json.loads(json.loads(blob[8 : 8 + size])["__metadata__"]["card"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gan_course.features", description=train_classifier.__doc__)
    parser.add_argument("path", type=Path, nargs="?", help="where to write the file (by default nowhere)")
    path = parser.parse_args().path
    blob = train_classifier()
    digest = hashlib.sha256(blob).hexdigest()
    card = _card(blob)
    print(f"test accuracy {card['test_accuracy']:.4f} ({card['test_right']} of {card['test_images']})")
    print(f"sha256 {digest}: {'the same as' if digest == SHA256 else 'not'} the file in data/")
    if path:
        path.write_bytes(blob)


if __name__ == "__main__":
    main()

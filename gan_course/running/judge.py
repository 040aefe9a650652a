"""Scores of images by a small classifier of the same images: the bundled one for 8x8 digits, else trained here.

A Frechet distance on its features is no FID: that name belongs to one other network (Heusel et al. 2017).
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from .. import door, metrics, store
from ..features import digits_classifier
from ..nets import conv
from ..savefile import StoreError
from .data import Data
from .experiment import Score

STEPS, BATCH, LR, WIDTH = 1200, 64, 3e-3, 8  # about half a minute of one processor core at 28 pixels
AT_ONCE = 500  # images a pass, so that memory does not grow with n
MOST = 2500  # images a side in a distance between sets


class Judge:
    """Names images and gives their features; `card` says how well it names images that it was not trained on."""

    def __init__(self, data: Data, path: Path, tell: Callable[[str], None] = print):
        """Load the classifier at `path`, or train it and save it there (the bundled one is used for 8x8 digits)."""
        self.data = data
        with door.forked(data.x.device, 0):  # the run's own random numbers stay as they are
            if data.size == 8:
                net = digits_classifier(data.x.device)
                self.net, self.card = net.net, net.card
            else:
                self._load_or_train(path, tell)

    def _load_or_train(self, path: Path, tell: Callable[[str], None]) -> None:
        self.net = conv.classifier(self.data.size, 1, 10, WIDTH).to(self.data.x.device)
        try:
            self.card = store.load_weights(path, self.net)
        except StoreError:
            tell(f"Training a classifier of these images to measure by ({STEPS} steps, once).")
            self._train()
            self.card = self._card()
            tell(f"The classifier names {self.card['test_accuracy']:.2%} of the held-out images rightly.")
            try:
                store.save_weights(path, self.net, self.card)
            except StoreError as error:
                tell(str(error))  # it can be trained again
        self.net.eval().requires_grad_(False)

    def _train(self) -> None:
        x, y = self.data.x, self.data.y
        rng = torch.Generator(x.device).manual_seed(0)
        opt = torch.optim.AdamW(self.net.parameters(), LR, weight_decay=0.05)
        schedule = torch.optim.lr_scheduler.OneCycleLR(opt, LR, total_steps=STEPS)
        for _ in range(STEPS):
            rows = torch.randint(len(x), (BATCH,), generator=rng, device=x.device)
            opt.zero_grad()
            nn.functional.cross_entropy(self.net(x[rows]), y[rows], label_smoothing=0.1).backward()
            opt.step()
            schedule.step()

    def _card(self) -> dict:
        self.net.eval()
        right = (self.classes(self.data.x_test) == self.data.y_test).sum().item()
        return {
            "what": f"classifier of {self.data.name}, {self.data.size} x {self.data.size} pixels, to measure by",
            "data": self.data.card(),
            "training": f"{STEPS} steps of batches of {BATCH}, AdamW, label smoothing 0.1, seed 0",
            "test_images": len(self.data.x_test),
            "test_accuracy": right / len(self.data.x_test),
        }

    @torch.no_grad()
    def classes(self, x: Tensor) -> Tensor:
        """The name of each image: (n, 1, size, size) to (n,) int64."""
        return torch.cat([self.net(part).argmax(1) for part in x.split(AT_ONCE)])

    @torch.no_grad()
    def features(self, x: Tensor) -> Tensor:
        """(n, 1, size, size) to (n, 64)."""
        return torch.cat([self.net.features(part) for part in x.split(AT_ONCE)])

    def distances(self, draw: Callable[[int], Tensor]) -> dict[str, Score]:
        """Frechet and kernel distance of n drawn images to n held-out real ones; the floor: others against these."""
        real = self.features(self.data.x_test)
        n = min(len(real) // 2, MOST)
        fake = self.features(draw(n))
        found = {"frechet_distance": metrics.frechet_distance, "kernel_distance": metrics.kernel_distance}
        return {
            name: Score(metric(fake, real[:n]), *metrics.real_floor(metric, real, n, trials=5), n)
            for name, metric in found.items()
        }

    def obedience(self, draw: Callable[[Tensor], Tensor]) -> dict[str, Score]:
        """The share of images drawn for a label that are named by it; the floor: the same of held-out real ones."""
        asked = self.data.y_test
        named = self.classes(draw(asked)) == asked
        right = (self.classes(self.data.x_test) == asked).double()
        n = len(asked)
        score = Score(named.double().mean().item(), right.mean().item(), (right.std() / n**0.5).item(), n)
        return {"obeys_label": score}


def in_portions(sample: Callable[..., Tensor], n: int) -> Tensor:
    """n samples, AT_ONCE at a time, each portion from a seed of its own: `sample(size, seed=seed)`."""
    return torch.cat([sample(min(AT_ONCE, n - start), seed=1 + start) for start in range(0, n, AT_ONCE)])

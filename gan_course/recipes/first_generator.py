"""The generator that lesson 00 plays with: four numbers in, a picture of a digit of 8 x 8 pixels out.

``python -m gan_course.recipes.first_generator`` trains it again from its fixed seed (about a minute and a half of
one processor core) and says whether the weights are, bit for bit, those in data/; another processor or another
PyTorch may round differently. With a path, it writes the file there.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from gan_course import metrics, store
from gan_course.batches import Batches
from gan_course.features import digits_classifier, digits_split
from gan_course.game import train
from gan_course.losses import relativistic
from gan_course.nets import conv
from gan_course.penalties import r1, r2

WEIGHTS = Path(__file__).resolve().parents[2] / "data" / "first_generator.safetensors"
SEED, STEPS, BATCH, WIDTH, Z_DIM, GAMMA, AVERAGE = 0, 2000, 64, 32, 4, 0.1, 0.995


def blank() -> conv.Generator:
    """The network without its training: noise (n, 4) to images (n, 1, 8, 8) in [-1, 1]."""
    return conv.generator(size=8, channels=1, z_dim=Z_DIM, width=WIDTH)


def load(path: Path = WEIGHTS) -> conv.Generator:
    """The trained generator, in eval mode and frozen; ``card`` says what is known of it, a dict.

    Raises `store.StoreError` when the file is missing, or not byte for byte as it was written (SHA-256).
    """
    G = blank()
    G.card = store.load_weights(path, G)
    return G.eval().requires_grad_(False)


def score(draw: Callable[[int, torch.Generator], Tensor], trials: int = 20) -> metrics.Floor:
    """Mean and s.d., over ``trials`` draws, of the Frechet distance between n drawn digits and the n test digits.

    ``draw(n, rng)`` gives images (n, 1, 8, 8). The distance is taken on the features of the project's own digits
    classifier, so it is no FID. No generator and no classifier was trained on the test digits.
    """
    _, _, x_test, _ = digits_split()
    features = digits_classifier().features
    rng = torch.Generator().manual_seed(SEED)
    found = [metrics.frechet_distance(features(draw(len(x_test), rng)), features(x_test)) for _ in range(trials)]
    found = torch.tensor(found, dtype=torch.float64)
    return metrics.Floor(found.mean().item(), found.std(correction=0).item())


def fakes(G: conv.Generator) -> Callable[[int, torch.Generator], Tensor]:
    """The ``draw`` of a generator, for `score`."""
    return lambda n, rng: G(torch.randn(n, Z_DIM, generator=rng))


def reals(n: int, rng: torch.Generator) -> Tensor:
    """The ``draw`` of real training digits, for `score`: the floor that a perfect generator would reach."""
    x_train, *_ = digits_split()
    return x_train[torch.randperm(len(x_train), generator=rng)[:n]]


def train_generator() -> conv.Generator:
    """Train on the 80 % of the digits that `digits_split` gives for training; the same at every call on one machine."""
    x_train, _, x_test, _ = digits_split()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more threads add in another order, and the last bits differ
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        G, D = blank(), conv.discriminator(size=8, channels=1, width=WIDTH)
        batches = Batches(x_train, BATCH, seed=SEED)
        penalties = [r1(GAMMA), r2(GAMMA)]
        game = train(G, D, batches, steps=STEPS, loss=relativistic, penalties=penalties, average=AVERAGE, seed=SEED)
        for _ in game:
            pass
        G = game.averaged.eval().requires_grad_(False)
        fake, floor = score(fakes(G)), score(reals)
    torch.set_num_threads(threads)
    G.card = {
        "what": f"generator of scikit-learn's handwritten digits, 8 x 8 pixels, from {Z_DIM} numbers",
        "parameters": sum(p.numel() for p in G.parameters()),
        "data": f"{len(x_train)} of scikit-learn's 1797 digits (features.digits_split); {len(x_test)} kept for testing",
        "training": f"{STEPS} turns of batches of {BATCH}, relativistic loss, r1({GAMMA}) and r2({GAMMA}), "
        f"Adam 1e-3 for both players, average of G's weights {AVERAGE}, seed {SEED}",
        "frechet_distance": {"mean": fake.mean, "sd": fake.sd},
        "real_floor": {"mean": floor.mean, "sd": floor.sd},
        "measured": f"{len(x_test)} samples against the test digits, 20 draws, features of data/digits_classifier",
        "limits": "a toy for a first lesson: 8 x 8 pixels; one network, from the first seed that was tried",
        "licence": "MIT, as the rest of this project's code",
    }
    return G


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m gan_course.recipes.first_generator", description=train_generator.__doc__
    )
    parser.add_argument("path", type=Path, nargs="?", help="where to write the file (by default nowhere)")
    path = parser.parse_args().path
    G = train_generator()
    fake, floor = G.card["frechet_distance"], G.card["real_floor"]
    print(f"Frechet distance {fake['mean']:.2f} +- {fake['sd']:.2f}; floor {floor['mean']:.2f} +- {floor['sd']:.2f}")
    kept = load().state_dict() if WEIGHTS.is_file() else {}
    same = bool(kept) and all(torch.equal(tensor, kept[name]) for name, tensor in G.state_dict().items())
    print(f"The weights are {'the same as' if same else 'not'} those in data/.")
    if path:
        store.save_weights(path, G, G.card)


if __name__ == "__main__":
    main()

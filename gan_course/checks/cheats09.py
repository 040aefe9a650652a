"""The judge of exercise 09.6: is a number good, and are the images bad? The second is asked of the pixels alone."""

import torch
from torch import Tensor

from gan_course import images, manifold, metrics
from gan_course.checks.engine import Wrong
from gan_course.features import digits_classifier
from gan_course.scores import inception_score

NUMBERS = ("classifier score", "frechet distance")
LEAST, MOST, FAR = 200, 599, 1.4  # images, and times the distance that a real digit has to the nearest other one
SCORE, TIMES_FLOOR = 7.0, 2.0  # the classifier score to beat, and the Frechet distance in units of its floor


def gamed(answer) -> str:
    """A good number and, by an independent witness, bad images."""
    if not isinstance(answer, (tuple, list)) or len(answer) != 2 or answer[0] not in NUMBERS:
        raise Wrong(f"Give the name of the number, then the images. The names: {', '.join(NUMBERS)}.", "words")
    name, x = answer[0], answer[1].detach().float()
    if x.shape[1:] != (1, 8, 8) or not LEAST <= len(x) <= MOST:
        raise Wrong(
            f"{LEAST} to {MOST} images of shape (n, 1, 8, 8) are asked for; yours is {tuple(x.shape)}.", "shape"
        )
    if not bool(x.isfinite().all()) or x.abs().max() > 1.0001:
        raise Wrong("Pixels lie from -1 to 1: clamp them.", "range")
    if len(x.flatten(1).unique(dim=0)) < len(x):
        raise Wrong("Some images occur twice. That fools it too, but is too easy: all different, please.", "repeated")
    every, _ = images.digits()
    far = manifold.nearest(x.flatten(1), every.flatten(1))[0].median().item()
    usual = torch.cdist(every.flatten(1), every.flatten(1)).kthvalue(2, dim=1).values.median().item()
    if far < FAR * usual:
        raise Wrong(
            f"The witness says: these are digits, or near to some. Half of them have a real digit within {far:.2f} "
            f"(a real digit has another within {usual:.2f}). Let it be {FAR * usual:.2f} or more.",
            "still_digits",
        )
    return (
        f"{_number_is_good(name, x, every)} And the witness finds no digit: half of your images are further than "
        f"{far:.2f} from every real one, where real digits have a neighbour within {usual:.2f}."
    )


def _number_is_good(name: str, x: Tensor, every: Tensor) -> str:
    net = digits_classifier()
    if name == "classifier score":
        score = inception_score(net(x).softmax(1))
        if score < SCORE:
            raise Wrong(f"The classifier score is {score:.2f}; {SCORE:g} is asked for.", "number")
        return f"Classifier score {score:.2f}."
    one, other, _ = net.features(every[torch.randperm(len(every))]).split(MOST)
    score, floor = (metrics.frechet_distance(one, s) for s in (net.features(x), other[: len(x)]))
    if score > TIMES_FLOOR * floor:
        raise Wrong(
            f"The Frechet distance is {score:.2f}. As many real digits have {floor:.2f}; {TIMES_FLOOR:g} times that is "
            "allowed.",
            "number",
        )
    return f"Frechet distance {score:.2f}, where as many real digits have {floor:.2f}."

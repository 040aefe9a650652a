"""Four generators for exercise 09.5, each a set of images. Which is which is the exercise: read this only to cheat."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from gan_course import images
from gan_course.checks.diagnosis import Diagnosis
from gan_course.recipes import first_generator

CAUSES = ("healthy", "memorised", "collapsed", "blurred")
_DIAGNOSIS = {"A": "collapsed", "B": "blurred", "C": "memorised", "D": "healthy"}
THIRD = 599


def admit() -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """599 images of each patient; as many digits that one of them knows by heart; and as many held-out ones.

    The healthy one, of lesson 00, learned from four fifths of all digits, drawn at random: as many from either pile.
    """
    x, y = images.digits()
    rng = torch.Generator().manual_seed(77)
    rows = torch.randperm(len(x), generator=rng)
    train, held_out, fresh = x[rows].split(THIRD)
    labels = y[rows][2 * THIRD :]

    def nearly(these: Tensor, sd: float) -> Tensor:
        return (these + sd * torch.randn(these.shape, generator=rng)).clamp(-1, 1)

    few = torch.cat([fresh[labels == digit][:3] for digit in range(10)])  # three of each digit, and never another
    smooth = avg_pool2d(pad(fresh, (1, 1, 1, 1), value=-1), 3, 1)
    G = first_generator.load()
    made = {
        "A": nearly(few[torch.randint(len(few), (THIRD,), generator=rng)], 0.05),
        "B": 0.55 * fresh + 0.45 * smooth,
        "C": nearly(train, 0.05),
        "D": G(torch.randn(THIRD, G.z_dim, generator=rng)),
    }
    return made, train, held_out


_SLIPS = [  # patient, wrong cause, reason, what to tell the learner
    (
        "C", "healthy", "copies_for_healthy",
        "C: at the floor in every column that compares with held-out digits, as a perfect generator is; and as the "
        "training set itself is. Which column asks where the images come from?",
    ),
    (
        "D", "memorised", "healthy_for_copies",
        "D: its images are not nearer to the training digits than to held-out ones.",
    ),
    (
        "A", "blurred", "blurred_for_collapsed",
        "A: almost all of its images lie among the real ones: precision and density are near the floor's. What is low?",
    ),
    (
        "B", "collapsed", "collapsed_for_blurred",
        "B: recall is low here as well, since blurred images lie in their own corner. But coverage, which a collapsed "
        "generator cannot have, is much higher than A's; and the classifier score fell.",
    ),
    (
        "B", "healthy", "healthy_for_blurred",
        "B: nearly as precise as real digits, but with little recall: soft images that lie close together. A GAN of "
        "average skill has bad images among the good ones, all over the data.",
    ),
    (
        "A", "healthy", "precise_for_healthy",
        "A: the classifier score and the precision are as they should be, but neither asks how much of the data is "
        "reached.",
    ),
]  # fmt: skip

# The judge of 09.5.
diagnosis = Diagnosis(
    _DIAGNOSIS,
    CAUSES,
    _SLIPS,
    look=", column by column, beside the floor.",
    well="A repeats thirty images, B is blurred, C gives back its training set. D is the generator of lesson 00.",
)

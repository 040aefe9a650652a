"""The exercises of lesson 02. The judges of 02.2 to 02.4 are in `steps02.py` and `loop02.py`."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softplus

from gan_course import non_saturating
from gan_course.checks.engine import Exercise, Wrong
from gan_course.checks.loop02 import whole_game
from gan_course.checks.patients02 import CAUSES
from gan_course.checks.steps02 import one_d_step, one_g_step


def _d_loss(answer: Any) -> str:
    real, fake = (torch.tensor(v)[:, None].requires_grad_() for v in ([2.0, -0.5, 1.0, 0.3], [-1.0, 0.7, -2.0, -3.0]))
    got = answer(real, fake)
    if not isinstance(got, Tensor) or got.numel() != 1:
        kind = f"a tensor of shape {tuple(got.shape)}" if isinstance(got, Tensor) else f"a {type(got).__name__}"
        cause = "Is a `.mean()` missing?" if not isinstance(got, (int, float)) else "Leave out `.item()`."
        raise Wrong(f"The loss is a tensor that holds one number; yours is {kind}. {cause}", "shape")
    if not got.requires_grad:
        raise Wrong(
            "Your number is cut off from the logits: no gradient can flow back to D. Leave out `.item()`, `.detach()`, "
            "`float(...)` and `torch.no_grad()`.",
            "detached",
        )
    want = non_saturating.d(real, fake)
    for wrong, reason, message in (
        (
            non_saturating.d(fake, real),
            "swapped",
            "That is the loss of a D that calls fakes real: the labels are swapped. A real point costs "
            "softplus(-logit), a fake one softplus(logit).",
        ),
        (
            -want,
            "sign",
            "The sign is turned round. A loss is what its player wants less of; D would learn to be wrong.",
        ),
        (want * len(real), "sum", "You added up over the batch. Take the mean, or the step grows with the batch."),
        (want / 2, "half", "That is half of it. The two means are added, not averaged."),
        (softplus(-real).mean(), "real only", "Only the real points count in it. D would call everything real."),
        (softplus(fake).mean(), "fake only", "Only the fakes count in it. D would call everything fake."),
        (
            non_saturating.d(real.sigmoid(), fake.sigmoid()),
            "twice",
            "The sigmoid is applied twice. Softplus already contains it, and wants the raw logit.",
        ),
    ):
        if torch.allclose(got, wrong, atol=1e-5):
            raise Wrong(message, reason)
    if not torch.allclose(got, want, atol=1e-5):
        raise Wrong(f"On the check's eight logits the loss is {want:.4f}, and yours is {got.item():.4f}.", "value")
    sure = torch.full((2, 1), 40.0)
    for r, f, truth in ((sure, -sure, 0.0), (-sure, sure, 80.0)):
        value = float(answer(r.clone(), f.clone()))
        if not abs(value - truth) < 1e-3:
            raise Wrong(
                f"Right for small logits. But with real logits of {r[0].item():g} and fake ones of {f[0].item():g} "
                f"it gives `{value:g}` instead of {truth:g}: a sigmoid rounds to 0 or 1, and then comes a logarithm. "
                "Use softplus on the raw logit.",
                "overflow",
            )
    return f"It is {want:.4f} on the check's logits, the gradient flows, and it stays exact at logits of 40."


_SIGNS = {
    "A": "Patient A: G's weights did not move, though a gradient did arrive in G. Who made the step, then?",
    "B": "Patient B: both move, but the gradients grow far beyond those of the others. What makes a gradient pile up?",
    "C": "Patient C: look at all of its numbers once more. Is there one that should worry you?",
    "D": "Patient D: D's probability is near 0 for real points and near 1 for fakes. It did learn something. What?",
    "E": "Patient E: G's weights did not move, and its gradient is exactly 0. What can stop a gradient entirely?",
}


def _diagnose(answer: Any) -> str:
    truth = {patient: cause for cause, patient in CAUSES.items()}
    if not isinstance(answer, dict) or set(answer) != set(truth):
        raise Wrong('Give one cause for each patient: `{"A": "...", "B": "...", ..., "E": "..."}`.', "form")
    unknown = [cause for cause in answer.values() if cause not in CAUSES]
    if unknown:
        raise Wrong(f"`{unknown[0]}` is not among the causes: {'; '.join(CAUSES)}.", "unknown")
    if len(set(answer.values())) < len(truth):
        raise Wrong("Each cause fits exactly one patient, and you used one twice.", "twice")
    wrong = [patient for patient in sorted(truth) if answer[patient] != truth[patient]]
    if wrong:
        sent_home = [patient for patient in wrong if answer[patient] == "healthy"]
        message = f"{len(truth) - len(wrong)} of {len(truth)} are right. {_SIGNS[(sent_home or wrong)[0]]}"
        raise Wrong(message, "sent home" if sent_home else "confused")
    return "All five. You read them from who moved, which gradient arrived, and what D said."


EXERCISES = [
    Exercise(
        "02.1",
        "The discriminator's loss",
        "easy",
        "core",
        5,
        _d_loss,
        (
            "There are two kinds of points, so there are two terms. On a real point, which sign of the logit does D "
            "want?",
            r"A real point costs $-\log\sigma(r)$, a fake one $-\log(1-\sigma(f))$. Both are a softplus, because "
            r"$-\log\sigma(t) = \mathrm{softplus}(-t)$ and $1-\sigma(t) = \sigma(-t)$.",
            "The mean of `softplus(-real)`, plus the mean of `softplus(fake)`.",
        ),
    ),
    Exercise(
        "02.2",
        "One step of the discriminator",
        "medium",
        "core",
        8,
        one_d_step,
        (
            "Five lines: make the fakes, compute the loss, clear the old gradients, send the new one back, step.",
            "Nothing of this turn may reach G: make the fakes with `G(z).detach()`. Old gradients stay in `.grad` "
            "until `opt_d.zero_grad()`.",
            "`loss = softplus(-D(real)).mean() + softplus(D(G(z).detach())).mean()`, then `opt_d.zero_grad()`, "
            "`loss.backward()`, `opt_d.step()`, and `return loss`.",
        ),
    ),
    Exercise(
        "02.3",
        "One step of the generator",
        "medium",
        "core",
        8,
        one_g_step,
        (
            "G wants its fakes to be called real. What does calling a point real cost, as a function of its logit?",
            "The gradient must travel from the loss through D into the fakes and on into G, so this time nothing is "
            "detached. Only `opt_g` steps.",
            "`loss = softplus(-D(G(z))).mean()`, then `opt_g.zero_grad()`, `loss.backward()`, `opt_g.step()`, and "
            "`return loss`.",
        ),
    ),
    Exercise(
        "02.4",
        "The whole game",
        "medium",
        "core",
        15,
        whole_game,
        (
            "For the players: sections 3 and 4. For the loop: make both optimisers once, before it. What must be fresh "
            "in every turn?",
            "Both networks end in a plain `nn.Linear`. In each turn: a real batch and noise, then D's step; new "
            "noise, then G's step. The steps are those of 02.2 and 02.3.",
            "`for turn in range(turns):` and inside it `real = next(batches)`; D's loss from `real` and "
            "`G(noise(len(real))).detach()`; G's loss from `G(noise(len(real)))`; after each loss its own zero_grad, "
            "backward, step.",
        ),
        in_place=True,
    ),
    Exercise(
        "02.5",
        "Diagnose five runs",
        "hard",
        "useful",
        10,
        _diagnose,
        (
            "Sort them first by who moved. Two patients have a G that stayed where it was.",
            "Of those two, one did get a gradient into G. Of the other three, one has gradients that grow and grow, "
            "and in one D has everything the wrong way round.",
            "No movement and no gradient: the fakes were detached. No movement in spite of a gradient: somebody else's "
            "optimiser stepped. Growing gradients: nobody cleared them. D sure and wrong: swapped labels.",
        ),
        kind="diagnose",
    ),
]

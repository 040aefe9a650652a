"""The judges of exercises 02.2 and 02.3: one step of each player.

Each plays with small networks of its own, and asks what the answer did to them: who moved, where to, and whether a
gradient was left behind.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from gan_course import nets, non_saturating
from gan_course.checks.engine import Wrong

RATE = 0.1  # of the judges' plain gradient steps: an update is then exactly -RATE times the gradient
STALE = 0.5  # what the judges leave in every `.grad` before the step, as another turn might

_D_MISTAKES = {
    "stale": "D's step contains an old gradient, left over from G's turn. `backward` adds to `.grad`, it does not "
    "replace it: call `opt_d.zero_grad()` first.",
    "swapped": "D moved, but towards calling fakes real: the labels are swapped.",
    "sign": "D moved uphill. An optimiser makes its loss smaller: use the loss, not minus the loss.",
    "real only": "D moved to call real points real. That is half of its work: the fakes are missing.",
    "G's loss": "D moved by G's loss, which calls fakes real. D's own loss is `softplus(-D(real)).mean() + "
    "softplus(D(fake)).mean()`.",
    "value": "D moved, but not along the gradient of `softplus(-D(real)).mean() + softplus(D(fake)).mean()`. Were the "
    "given `real` and `z` used, and one step made?",
}
_G_MISTAKES = {
    "stale": "G's step contains an old gradient: call `opt_g.zero_grad()` before `backward`.",
    "only stale": "G moved by an old gradient alone; nothing of this turn reached it. Do not detach the fakes here, "
    "and call `opt_g.zero_grad()` before `backward`.",
    "saturating": "G moved the right way, but by the gradient of minus softplus(logit). That is the minimax loss, "
    "which comes in lesson 03. Here G's loss is softplus(-logit).",
    "sign": "G moved uphill: it helps D. Use the loss, not minus the loss.",
    "uphill": "G learnt to be found out: softplus(logit) is what a fake costs D. G wants the opposite label, real, "
    "which costs softplus(-logit).",
    "sum": "You added up over the batch. Take the mean.",
    "value": "G moved, but not along the gradient of `softplus(-D(G(z))).mean()`. Was the given `z` used?",
}


def _table() -> tuple[nn.Module, nn.Module, Tensor, Tensor]:
    """Two small players, a real batch, and noise."""
    return nets.mlp.generator(1, 1, (8,)), nets.mlp.discriminator(1, (8,)), torch.randn(16, 1) + 2, torch.randn(16, 1)


def _weights(net: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector(net.parameters()).detach().clone()


def _gradient(loss: Tensor, net: nn.Module) -> Tensor:
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(net.parameters()), retain_graph=True)])


def _leave_stale(net: nn.Module) -> None:
    for p in net.parameters():
        p.grad = torch.full_like(p, STALE)


def _gradients_left(net: nn.Module) -> Tensor:
    return torch.cat([torch.zeros(1), *(p.grad.flatten() for p in net.parameters() if p.grad is not None)])


def _blame(step: Tensor, meant: dict[str, Tensor], mistakes: dict[str, str]) -> None:
    """Raise `Wrong` unless the step is -RATE times the gradient named "right"."""
    fits = (name for name, gradient in meant.items() if torch.allclose(step, -RATE * gradient, atol=1e-5))
    reason = next(fits, "value")
    if reason != "right":
        raise Wrong(mistakes[reason], reason)


def _same_number(got: Any, loss: Tensor) -> None:
    if not torch.allclose(torch.as_tensor(got, dtype=torch.float32).detach(), loss.detach(), atol=1e-4):
        raise Wrong("The step is right. Return the loss that it was made with, too.", "returned")


def one_d_step(answer: Any) -> str:
    G, D, real, z = _table()
    _leave_stale(D)
    fake = G(z).detach()
    loss = non_saturating.d(D(real), D(fake))
    right = _gradient(loss, D)
    meant = {
        "right": right,
        "stale": right + STALE,
        "swapped": _gradient(non_saturating.d(D(fake), D(real)), D),
        "sign": -right,
        "real only": _gradient(softplus(-D(real)).mean(), D),
        "G's loss": _gradient(softplus(-D(fake)).mean(), D),
    }
    g_before, d_before = _weights(G), _weights(D)
    got = answer(G, D, torch.optim.SGD(D.parameters(), RATE), real.clone(), z.clone())
    if not torch.equal(g_before, _weights(G)):
        raise Wrong("G's weights moved. In D's turn only D learns: step `opt_d`, which holds D's weights.", "moved G")
    step = _weights(D) - d_before
    if not step.any():
        raise Wrong("D did not move. First `zero_grad`, then `backward`, then `opt_d.step()`.", "no step")
    _blame(step, meant, _D_MISTAKES)
    if _gradients_left(G).any():
        raise Wrong(
            "D's step is right, but it left a gradient in G: the loss was traced back through the fakes into G. That "
            "is wasted work now, and a trap later. Cut it with `G(z).detach()`.",
            "leak",
        )
    _same_number(got, loss)
    return "D moved down its own gradient, and G was left without a trace: neither its weights nor its `.grad` changed."


def one_g_step(answer: Any) -> str:
    G, D, _, z = _table()
    _leave_stale(G)
    logits = D(G(z))
    loss = softplus(-logits).mean()
    right, saturating = _gradient(loss, G), _gradient(-softplus(logits).mean(), G)
    meant = {
        "right": right,
        "stale": right + STALE,
        "only stale": torch.full_like(right, STALE),
        "saturating": saturating,
        "sign": -right,
        "uphill": -saturating,
        "sum": right * len(z),
    }
    g_before, d_before = _weights(G), _weights(D)
    try:
        got = answer(G, D, torch.optim.SGD(G.parameters(), RATE), z.clone())
    except RuntimeError as error:
        if "does not require grad" not in str(error):
            raise
        raise Wrong(
            "`backward` found no way back from the loss: D's logits were made under `torch.no_grad()`, or detached. "
            "D stays put because `opt_g` does not hold its weights; the gradient must still travel through it.",
            "no way back",
        ) from error
    if not torch.equal(d_before, _weights(D)):
        raise Wrong("D's weights moved. In G's turn only G learns: step `opt_g`, which holds G's weights.", "moved D")
    if not all(p.requires_grad for p in D.parameters()):
        raise Wrong(
            "D was switched off with `requires_grad_(False)` and not on again: it will never learn.", "frozen D"
        )
    step = _weights(G) - g_before
    left = _gradients_left(G)
    if not step.any() and left.any() and not bool((left[1:] == STALE).all()):
        raise Wrong("G has its gradient but did not move: `opt_g.step()` is missing.", "no step")
    if not step.any():
        raise Wrong(
            "G did not move: no gradient reached it. Here the fakes must not be detached, nor made under "
            "`torch.no_grad()`: the gradient has to pass through D into them, and on into G.",
            "detached",
        )
    _blame(step, meant, _G_MISTAKES)
    _same_number(got, loss)
    return "The gradient flowed through D into G. G moved to look more real to D, and D did not move."

"""Adam as `train` makes it: PyTorch's fused step, without the questions that its method asks each time."""

import torch


class Adam(torch.optim.Adam):
    """Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization". `torch.optim.Adam(fused=True)`, to the bit.

    On a network of a few thousand weights PyTorch's own step spends most of its time on sorting tensors by device and
    on hooks; this one goes to the fused kernel at once (`make bench` shows what that gives). Step hooks do not run.
    """

    def __init__(self, params, lr: float):
        super().__init__(params, lr, betas=(0.0, 0.99), fused=True)

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            own = [p for p in group["params"] if p.grad is not None]
            if not own:
                continue
            if any(p not in self.state for p in own):
                super().step()  # the first step makes the state, for all groups
                return
            states = [self.state[p] for p in own]
            counts = [state["step"] for state in states]
            torch._foreach_add_(counts, 1)
            torch._fused_adam_(
                own, [p.grad for p in own], [s["exp_avg"] for s in states], [s["exp_avg_sq"] for s in states], [],
                counts, lr=group["lr"], beta1=group["betas"][0], beta2=group["betas"][1], eps=group["eps"],
                weight_decay=group["weight_decay"], amsgrad=False, maximize=group["maximize"],
            )  # fmt: skip

    step.hooked = True  # PyTorch would wrap it in a profiler's hook, which costs as much as the kernel


def lay_out(opt: torch.optim.Optimizer) -> None:
    """Lay the state of an optimiser out as its weights lie in memory. A fused kernel walks through memory, whatever the
    strides say, and what comes from a file lies in the order of its indices."""
    for p, state in opt.state.items():
        for name, value in state.items():
            if isinstance(value, torch.Tensor) and value.shape == p.shape and value.stride() != p.stride():
                state[name] = torch.empty_like(p, dtype=value.dtype).copy_(value)

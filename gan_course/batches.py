"""Random minibatches of data that already lies on the device: no worker processes, no copies, no waiting."""

from numbers import Integral

import torch
from torch import Tensor


class Batches:
    """Endless random minibatches, drawn with replacement.

    x: data of shape (n, ...); size: rows a batch; cond: further tensors of n rows (labels, say) drawn alongside.
    Each `next` gives `x_batch`, or `(x_batch, *cond_batches)` if there are any. The same seed gives the same batches;
    `state_dict` holds the place in the sequence, so that a resumed run sees the data that it would have seen.
    """

    def __init__(self, x: Tensor, size: int, *cond: Tensor, seed: int = 0):
        if not isinstance(x, Tensor) or len(x) == 0:
            raise ValueError("Batches needs a tensor with at least one row of data.")
        if not isinstance(size, Integral) or size < 1:
            raise ValueError(f"the size of a batch must be a whole number of 1 or more, got {size!r}.")
        if any(len(c) != len(x) for c in cond):
            raise ValueError(f"the data has {len(x)} rows, but its conditions have {[len(c) for c in cond]}.")
        self.x, self.size, self.cond = x, int(size), cond
        self.rng = torch.Generator(x.device).manual_seed(seed)

    def __iter__(self):
        return self

    def __next__(self) -> Tensor | tuple[Tensor, ...]:
        rows = torch.randint(len(self.x), (self.size,), generator=self.rng, device=self.x.device)
        return (self.x[rows], *[c[rows] for c in self.cond]) if self.cond else self.x[rows]

    def source(self) -> tuple:
        """Equal for two that draw alike, but for their seeds."""
        return self.size, id(self.x), *map(id, self.cond)

    def many(self, k: int, rng: torch.Generator) -> tuple[Tensor, ...]:
        """k batches at once from another generator: `x` (k, size, ...), and each condition so."""
        rows = torch.randint(len(self.x), (k, self.size), generator=rng, device=self.x.device)
        return tuple(part[rows] for part in (self.x, *self.cond))

    def state_dict(self) -> dict:
        return {"rows": len(self.x), "size": self.size, "rng": self.rng.get_state()}

    def load_state_dict(self, state: dict) -> None:
        if (state["rows"], state["size"]) != (len(self.x), self.size):
            raise ValueError(
                f"the saved run drew batches of {state['size']} from {state['rows']} rows, this one {self.size} from "
                f"{len(self.x)}: give it the same data and batch size to resume."
            )
        self.rng.set_state(state["rng"].cpu())

"""Networks, one file a family. `conv` and `mlp` have a `generator` and a `discriminator` that fit each other."""

from . import conv, mlp, vae

__all__ = ["conv", "mlp", "vae"]

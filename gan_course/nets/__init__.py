"""Networks, one file a family. All but `vae` have a `generator` and a `discriminator` that fit each other."""

from . import conditional, conv, mlp, residual, vae

__all__ = ["conditional", "conv", "mlp", "residual", "vae"]

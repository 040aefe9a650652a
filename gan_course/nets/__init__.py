"""Networks, one file a family. Each file has a `generator` and a `discriminator` that fit each other."""

from . import conv, mlp

__all__ = ["conv", "mlp"]

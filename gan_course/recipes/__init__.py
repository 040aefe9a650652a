"""How the trained weights in data/ were made: one module for each file, run with ``python -m``."""

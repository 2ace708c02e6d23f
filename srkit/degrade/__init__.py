"""From HR to LR: small steps, in stored units, before any normalisation.

A degradation is a list of steps, in a recipe mappings with a ``name`` and parameters. Every step that downscales is
edge-aligned: LR sample ``i`` covers HR samples ``s * i .. s * i + s - 1``, its centre is HR index
``(i + 1/2) s - 1/2``. A step acts on the axes (roles) that it is given as ``axes``, or on its usual ones, as far as
they still have a factor to lose; the steps together must leave none.

============== ==================================================================== =====================
name           what it does                                                         usual axes
============== ==================================================================== =====================
bicubic        antialiased Keys kernel, a = -1/2 (as Pillow and torch)              all
area           mean of the samples that an LR sample covers                         all
gaussian       Gaussian of ``sigma`` LR samples, or of an ``mtf`` at LR Nyquist      all
kspace         truncation in k-space, with a ``window``; wants whole axes           row, column
profile        slice profile: ``shape`` box or gaussian, ``thickness`` LR spacings  slice
rician         magnitude of a complex signal with noise of ``sigma``                none: keeps the size
gaussian_noise additive noise of ``sigma``                                          none
poisson_gaussian shot noise with ``gain`` and additive noise of ``sigma``           none
============== ==================================================================== =====================
"""

from srkit.degrade.chain import apply, margin, parse

__all__ = ["apply", "margin", "parse"]

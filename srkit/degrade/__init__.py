"""From HR to LR: small steps, in stored units, before any normalisation.

A degradation is a list of steps, in a recipe mappings with a ``name`` and parameters. Every step that downscales is
edge-aligned: LR sample ``i`` covers HR samples ``s * i .. s * i + s - 1``, its centre is HR index
``(i + 1/2) s - 1/2``. A step acts on the axes (roles) that it is given as ``axes``, or on its usual ones, as far as
they still have a factor to lose; the steps together must leave none.

================ =================================================================== ==================
name             what it does                                                        usual axes
================ =================================================================== ==================
bicubic          antialiased Keys kernel, a = -1/2 (as Pillow and torch)             all
area             mean of the samples that an LR sample covers                        all
gaussian         Gaussian of ``sigma`` LR samples, or of an ``mtf`` at LR Nyquist    all
kspace           truncation in k-space, with a ``window``; wants whole axes          row, column
profile          slice profile: ``shape`` box or gaussian, ``thickness``             slice
resize           any number of samples: ``factor`` times those of ``grid``, lr or hr row, column
rician           magnitude of a complex signal with noise of ``sigma`` or ``snr``    none: keeps the size
gaussian_noise   additive noise of ``sigma``                                         none
poisson_gaussian shot noise by ``gain`` or ``snr``, additive noise of ``sigma``      none
signal_noise     noise with the standard deviation ``a + b * value``                 none
blur             kernels of blind super-resolution: gaussian, sinc and others        none
jpeg             compression with a ``quality``, of 8-bit samples                    none
rounding         to what the item's type can store                                   none
one_of           one of the lists of ``steps``, drawn by ``weights``                 those of its steps
================ =================================================================== ==================

Any parameter may be a range or a choice, drawn anew for every sample (`srkit.degrade.drawing`). The noise-free form has
no noise, no JPEG and no rounding, the middle of ranges, and the heaviest of choices.
"""

from srkit.degrade.chain import apply, is_random, margin, noise_free, parse
from srkit.degrade.drawing import each, is_open, settled
from srkit.degrade.rounding import as_stored
from srkit.degrade.signal import with_signal

__all__ = [
    "apply",
    "as_stored",
    "each",
    "is_open",
    "is_random",
    "margin",
    "noise_free",
    "parse",
    "settled",
    "with_signal",
]

"""Losses in network range: content, perceptual, adversarial.

How they are called:

- content (``mse``, ``l1``, ``charbonnier``; beside them ``checkerboard``) and perceptual (``vgg19``, ``stvgg16``,
  ``stlpips``) losses are modules whose ``forward(sr, hr)`` takes ``(N, C, *spatial)`` and returns a scalar. The
  gradient goes to `sr`. They hold no trained parameters of their own; a perceptual loss is frozen and belongs into no
  optimiser and no checkpoint.
- ``adversarial`` is made of two terms and sees logits instead of images: ``loss.generator(fake_logits, real_logits)``
  for the generator's step and ``loss.discriminator(real_logits, fake_logits)`` for the discriminator's. It has no
  ``forward``. `real_logits` of the generator's term may be None unless ``loss.relativistic`` is true.
"""

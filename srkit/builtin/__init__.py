"""The core's own plugin: networks, losses, metrics, and the defaults of every verb that has one.

It registers by the same hooks as everybody else, and is asked last. It knows no domain and no file format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from inspect import Signature, signature
from typing import Any

from srkit.builtin.normalizer import RangeNormalizer, fit_range, image_channels
from srkit.builtin.patches import UniformSampler
from srkit.builtin.split import split_by_group
from srkit.domain import Degradation, Item, LossFactory, Metric, NetworkFactory, Part, PatchSampler
from srkit.grid import Scale
from srkit.hookspecs import hookimpl
from srkit.image import Normalizer, Source

SRKIT_CONTRACT = 1


@dataclass(frozen=True, slots=True)
class _Lazily:
    """What a module calls `name`, imported only when it is called: a list of names must not cost torch."""

    module: str
    name: str

    def __call__(self, *args: Any, **parameters: Any) -> Any:
        """Call it."""
        return self._meant(*args, **parameters)

    @property
    def __signature__(self) -> Signature:
        """Its own, for those who ask which parameters there are."""
        return signature(self._meant)

    @property
    def _meant(self) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(import_module(self.module), self.name)
        return found


@hookimpl(trylast=True)
def srkit_networks() -> Sequence[NetworkFactory]:
    """Return the families of generators, and the discriminators."""
    return [
        NetworkFactory("srresnet", "generator", _Lazily("srkit.networks.srresnet", "SRResNet")),
        NetworkFactory("srresnet-lite", "generator", _Lazily("srkit.networks.separable", "SRResNetLite")),
        NetworkFactory("srresnet-gc", "generator", _Lazily("srkit.networks.context", "SRResNetGC")),
        NetworkFactory("srresnet-25d", "generator", _Lazily("srkit.networks.slices", "SRResNet25D")),
        NetworkFactory("rrdb", "generator", _Lazily("srkit.networks.rrdb", "RRDBNet")),
        NetworkFactory("compact", "generator", _Lazily("srkit.networks.compact", "Compact")),
        NetworkFactory("span", "generator", _Lazily("srkit.networks.span", "SPAN")),
        NetworkFactory("attention", "generator", _Lazily("srkit.networks.attention", "WindowedTransformer")),
        NetworkFactory("srcnn", "generator", _Lazily("srkit.networks.srcnn", "SRCNN")),
        NetworkFactory("spandrel", "generator", _Lazily("srkit.networks.foreign", "ForeignNetwork")),
        NetworkFactory("vgg", "discriminator", _Lazily("srkit.networks.discriminator", "VGGDiscriminator")),
        NetworkFactory("patch", "discriminator", _Lazily("srkit.networks.critics", "PatchDiscriminator")),
        NetworkFactory("unet", "discriminator", _Lazily("srkit.networks.critics", "UNetDiscriminator")),
    ]


@hookimpl(trylast=True)
def srkit_losses() -> Sequence[LossFactory]:
    """Return content, perceptual and adversarial losses; `srkit.losses` says how each is called."""
    return [
        LossFactory("mse", _Lazily("srkit.losses.content", "MSELoss")),
        LossFactory("l1", _Lazily("srkit.losses.content", "L1Loss")),
        LossFactory("charbonnier", _Lazily("srkit.losses.content", "CharbonnierLoss")),
        LossFactory("checkerboard", _Lazily("srkit.losses.checkerboard", "CheckerboardLoss")),
        LossFactory("vgg19", _Lazily("srkit.losses.perceptual", "vgg19_loss")),
        LossFactory("stvgg16", _Lazily("srkit.losses.perceptual", "stvgg16_loss")),
        LossFactory("stlpips", _Lazily("srkit.losses.perceptual", "stlpips_loss")),
        LossFactory("adversarial", _Lazily("srkit.losses.adversarial", "AdversarialLoss")),
    ]


@hookimpl(trylast=True)
def srkit_metrics() -> Sequence[Metric]:
    """Return the figures that `srkit.evaluation` computes; those that need weights or long, on request."""
    return [
        Metric("psnr", partial(_metric, "metrics", "psnr")),
        Metric("ssim", partial(_metric, "metrics", "ssim")),
        Metric("mse", partial(_metric, "metrics", "mse"), higher_is_better=False),
        Metric("ms_ssim", partial(_metric, "multiscale", "ms_ssim")),
        Metric("uiqi", partial(_metric, "quality", "uiqi")),
        Metric("bias", partial(_metric, "metrics", "bias"), higher_is_better=False),
        Metric("sam", partial(_metric, "spectral", "sam"), higher_is_better=False),
        Metric("ergas", partial(_metric, "spectral", "ergas"), higher_is_better=False, scaled=True),
        Metric("cpsnr", partial(_metric, "shifted", "cpsnr"), on_request=True),
        Metric("st_lpips", partial(_metric, "stlpips", "st_lpips"), higher_is_better=False, on_request=True),
        Metric("lpips", partial(_metric, "lpips", "lpips"), higher_is_better=False, on_request=True),
        Metric("lpips_vgg", partial(_metric, "lpips", "lpips_vgg"), higher_is_better=False, on_request=True),
    ]


def _metric(module: str, name: str, sr: Any, hr: Any, valid: Any, data_range: float, **more: float) -> float:
    compute = getattr(import_module(f"srkit.evaluation.{module}"), name)
    return float(compute(sr, hr, data_range=data_range, valid=valid, **more))


@hookimpl(trylast=True)
def srkit_degradation(spec: Sequence[Mapping[str, Any]] | None, source: Source, scale: Scale) -> Degradation:
    """Return the steps of `spec`, checked; antialiased bicubic where a recipe and the domain say nothing."""
    from srkit.degrade import parse

    return parse(spec if spec is not None else [{"name": "bicubic"}])


@hookimpl(trylast=True)
def srkit_split(items: Sequence[Item], fractions: Mapping[str, float], seed: int) -> Mapping[str, Sequence[Part]]:
    """Part `items` by their group, so that no subject or place is in two splits."""
    return split_by_group(items, fractions, seed)


@hookimpl(trylast=True)
def srkit_patches(source: Source, size: tuple[int, ...]) -> PatchSampler:
    """Return a sampler that draws uniformly and rejects windows with invalid samples."""
    return UniformSampler(source, size)


@hookimpl(trylast=True)
def srkit_normalizer(spec: Mapping[str, Any], source: Source) -> Normalizer | None:
    """Return the linear normaliser for specs of kind ``range``, None for other kinds."""
    channels = len(image_channels(source))
    return RangeNormalizer.from_spec(spec, channels) if spec.get("kind") == "range" else None


@hookimpl(trylast=True)
def srkit_fit_normalizer(spec: Mapping[str, Any], sources: Iterable[Source]) -> Mapping[str, Any] | None:
    """Complete a spec of kind ``range`` that has no numbers, from the training split."""
    return fit_range(spec, sources) if spec.get("kind") == "range" else None

"""A training step: batches of 16, 24 x 24 to 96 x 96, the networks of the SRGAN paper."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from rivals import Call, Rival
from torch import Tensor, nn
from torch.nn import functional as F

BATCH, LR, HR = 16, 24, 96
NAIVE = "naive: eager fp32, channels first"
SRKIT = "srkit"
OPENSR = "opensr-srgan 0.4.3, its training step in Lightning"
PERCEPTUAL, ADVERSARIAL = 1.0, 1e-3
PAPER: dict[str, Any] = {"features": 64, "blocks": 16, "upsampling": "subpixel", "skip": "none", "head_kernel": 9}

PRETRAINING: dict[str, dict[str, Any]] = {"losses": {"content": {"kind": "mse"}}, "weights": {"content": 1.0}}
L1: dict[str, dict[str, Any]] = {"losses": {"content": {"kind": "l1"}}, "weights": {"content": 1.0}}
SRGAN: dict[str, dict[str, Any]] = {
    "losses": {
        "perceptual": {"kind": "vgg19", "layers": "relu5_4"},
        "adversarial": {"kind": "adversarial"},
    },
    "weights": {"perceptual": PERCEPTUAL, "adversarial": ADVERSARIAL},
}
L1_GAN: dict[str, dict[str, Any]] = {
    "losses": {"content": {"kind": "l1"}, "adversarial": {"kind": "adversarial"}},
    "weights": {"content": 1.0, "adversarial": ADVERSARIAL},
}


def by_hand() -> dict[str, dict[str, Rival]]:
    """Return the steps that are compared with a loop written by hand, by title."""
    return {
        "generator-only training step, mean squared error": {
            NAIVE: Rival(naive_content),
            SRKIT: Rival(srkit, PRETRAINING, tuned=True),
        },
        "SRGAN training step: discriminator and VGG19's relu5_4": {
            NAIVE: Rival(naive_srgan),
            SRKIT: Rival(srkit, SRGAN, tuned=True),
        },
    }


def by_opensr() -> dict[str, dict[str, Rival]]:
    """Return the steps that are compared with opensr-srgan's, by title: equal networks, no perceptual loss.

    Its own needs torchvision, of which there is no CPU build beside every torch.
    """
    return {
        "generator-only training step, L1, against opensr-srgan": {
            OPENSR: Rival(opensr, {"pretraining": True}),
            SRKIT: Rival(srkit, L1, tuned=True),
        },
        "adversarial training step, L1 and discriminator, against opensr-srgan": {
            OPENSR: Rival(opensr, {"pretraining": False}),
            SRKIT: Rival(srkit, L1_GAN, tuned=True),
        },
    }


def batch() -> tuple[Tensor, Tensor]:
    """Return LR and HR in network range."""
    random = torch.Generator().manual_seed(0)
    return tuple(torch.rand(BATCH, 3, n, n, generator=random) * 2 - 1 for n in (LR, HR))  # type: ignore[return-value]


def srkit(losses: Mapping[str, Any], weights: Mapping[str, float]) -> Call:
    """Take steps as `srkit train` does, on one batch; tells the precision."""
    from srkit.config import load_recipe
    from srkit.data.loader import Batch
    from srkit.plugins import load_plugins
    from srkit.training.learning.building import build_networks, build_phases
    from srkit.training.learning.compute import choose_compute

    with tempfile.TemporaryDirectory() as folder:
        recipe = load_recipe(_recipe_file(Path(folder), losses, weights))
        compute = choose_compute(recipe)
        networks = build_networks(load_plugins(), recipe, 3, compute)
        (phase,) = build_phases(recipe, networks, compute)
    _check_equal(networks.generator, _generator())
    pair = Batch(*batch())

    def call() -> dict[str, str]:
        phase.step(pair, 0).check()
        return {"precision": "bf16" if compute.bf16 else "fp32"}

    call()
    return call


def _check_equal(one: nn.Module, other: nn.Module) -> None:
    """Raise ValueError unless both have weights of the same shapes: steps of other networks say nothing."""
    if [p.shape for p in one.parameters()] != [p.shape for p in other.parameters()]:
        raise ValueError("the steps that are compared are of different networks")


def _recipe_file(folder: Path, losses: Mapping[str, Any], weights: Mapping[str, float]) -> Path:
    import yaml

    sections = {name: dict(section) for name, section in losses.items()}
    if "perceptual" in sections:
        sections["perceptual"]["weights"] = str(_vgg19_file(folder))
    recipe = {
        "domain": "photo",
        "scale": 4,
        "precision": "auto",
        "ema": 0,
        "network": {"name": "srresnet", "parameters": {"channels": 3, **PAPER}},
        "discriminator": {"name": "vgg", "parameters": {"features": 64, "dense": 1024}},
        "normalizer": {"kind": "range", "low": 0, "high": 255},
        "losses": sections,
        "phases": [{"name": "timed", "steps": 10**6, "learning_rate": 1e-4, "losses": dict(weights)}],
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return path


def naive_content() -> Call:
    """Take steps of a loop as one writes it."""
    generator = _generator()
    optimizer = torch.optim.Adam(generator.parameters(), 1e-4)
    lr, hr = batch()

    def call() -> None:
        loss = F.mse_loss(generator(lr), hr)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    call()
    return call


def naive_srgan() -> Call:
    """Take steps of a loop as one writes it: discriminator first, then the generator."""
    from srkit.networks.discriminator import VGGDiscriminator

    generator, discriminator = _generator(), VGGDiscriminator()
    with tempfile.TemporaryDirectory() as folder:
        features = _vgg19(_vgg19_file(Path(folder)))
    of_generator = torch.optim.Adam(generator.parameters(), 1e-4)
    of_discriminator = torch.optim.Adam(discriminator.parameters(), 1e-4)
    lr, hr = batch()

    def call() -> None:
        sr = generator(lr)
        real, fake = discriminator(hr), discriminator(sr.detach())
        ones, zeros = torch.ones_like(real), torch.zeros_like(fake)
        loss = F.binary_cross_entropy_with_logits(real, ones) + F.binary_cross_entropy_with_logits(fake, zeros)
        of_discriminator.zero_grad()
        loss.backward()
        of_discriminator.step()
        with torch.no_grad():
            wanted = features(hr)
        distance = F.mse_loss(features(sr), wanted)
        loss = PERCEPTUAL * distance + ADVERSARIAL * F.binary_cross_entropy_with_logits(discriminator(sr), ones)
        of_generator.zero_grad()
        loss.backward()
        of_generator.step()

    call()
    return call


def opensr(pretraining: bool) -> Call:
    """Take steps of opensr-srgan's Lightning module, with srkit's networks and a content loss of L1 alone."""
    import logging
    import queue
    import threading

    import pytorch_lightning as lightning
    from opensr_srgan.model.SRGAN import SRGAN_model

    from srkit.networks.discriminator import VGGDiscriminator

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    model = SRGAN_model(config=_opensr_configuration(pretraining), mode="eval")
    model.generator, model.discriminator = _generator(), VGGDiscriminator()
    model.content_loss_criterion, model.adversarial_loss_criterion = _L1(), nn.BCEWithLogitsLoss()
    asked: queue.Queue[None] = queue.Queue()
    done: queue.Queue[None] = queue.Queue()

    class InTurn(lightning.Callback):
        def on_train_batch_start(self, *_: Any) -> None:
            asked.get()

        def on_train_batch_end(self, *_: Any) -> None:
            done.put(None)

    trainer = lightning.Trainer(
        accelerator="cpu",
        max_steps=-1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[InTurn()],
        default_root_dir=tempfile.gettempdir(),
    )
    endless = _Endless()
    threading.Thread(
        target=trainer.fit, args=(model, torch.utils.data.DataLoader(endless, batch_size=None)), daemon=True
    ).start()

    def call() -> None:
        asked.put(None)
        done.get(timeout=600)

    call()
    return call


class _Endless(torch.utils.data.IterableDataset[tuple[Tensor, Tensor]]):
    def __iter__(self) -> Any:
        pair = batch()
        while True:
            yield pair


class _L1(nn.Module):
    def return_loss(self, sr: Tensor, hr: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss, and no further figures."""
        return F.l1_loss(sr, hr), {}


def _opensr_configuration(pretraining: bool) -> dict[str, Any]:
    return {
        "Data": {"normalization": "zero_one_signed"},
        "Model": {"in_bands": 3, "load_checkpoint": False, "continue_training": False},
        "Training": {
            "pretrain_g_only": pretraining,
            "g_pretrain_steps": -1 if pretraining else 0,
            "adv_loss_ramp_steps": 0,
            "EMA": {"enabled": False},
            "Losses": {"adv_loss_beta": ADVERSARIAL, "adv_loss_schedule": "linear", "perceptual_weight": 0.0},
        },
        "Generator": {
            "model_type": "SRResNet",
            "block_type": "standard",
            "n_channels": 64,
            "n_blocks": 16,
            "large_kernel_size": 9,
            "small_kernel_size": 3,
            "scaling_factor": 4,
        },
        "Discriminator": {"model_type": "standard", "n_blocks": 8},
        "Optimizers": {"optim_g_lr": 1e-4, "optim_d_lr": 1e-4},
        "Schedulers": {"factor_g": 0.5, "factor_d": 0.5, "patience_g": 10, "patience_d": 10, "metric": "val"},
        "Logging": {"wandb": {"enabled": False}, "num_val_images": 0},
    }


def _generator() -> nn.Module:
    """Return the paper's generator as its formulas stand, its last convolution after the last shuffle."""
    from srkit.networks.srresnet import SRResNet

    torch.manual_seed(0)
    made = SRResNet()
    made._rewritten_factors = None
    return made.train()


def _vgg19_file(folder: Path) -> Path:
    """Write VGG19's convolutions with random weights, named as torchvision's."""
    from safetensors.torch import save_file

    widths, channels, place, found = [64] * 2 + [128] * 2 + [256] * 4 + [512] * 8, 3, 0, {}
    pools = {1, 3, 7, 11}
    random = torch.Generator().manual_seed(0)
    for number, width in enumerate(widths):
        found[f"features.{place}.weight"] = torch.randn(width, channels, 3, 3, generator=random) / (3 * channels**0.5)
        found[f"features.{place}.bias"] = torch.zeros(width)
        place, channels = place + (3 if number in pools else 2), width
    save_file(found, folder / "vgg19.safetensors")
    return folder / "vgg19.safetensors"


def _vgg19(path: Path) -> Callable[[Tensor], Tensor]:
    from srkit.losses.vgg import VGG19, VGGFeatures
    from srkit.losses.weights import vgg19_weights

    network = VGGFeatures(VGG19, ["relu5_4"], vgg19_weights(path, ["relu5_4"]))

    def last(image: Tensor) -> Tensor:
        (found,) = network(image).values()
        return found

    return last

"""The processes that train one model together: who writes, and what they agree on.

They are started by ``srkit train --devices``, torchrun or SLURM, which put ``RANK``, ``LOCAL_RANK`` and ``WORLD_SIZE``
into the environment. Each works on images of its own; after each step all have the same weights. Every process calls
every method at the same point of its work.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, nn

from srkit.errors import LostProcessError

Told = TypeVar("Told")
LONGEST_WAIT = timedelta(hours=2)  # for the one that validates and writes
# Launchers end all processes as soon as one has failed. So that exactly the one speaks that has something to say:
FOLLOWER_S = 5.0  # the leading process may be about to fail for the same reason
LOST_S = 15.0  # the process that was lost is about to end


class World:
    """A process that trains alone: it has nobody to ask, and all of this costs nothing."""

    rank = 0
    size = 1

    @property
    def leads(self) -> bool:
        """Whether this is the one process that validates and writes."""
        return self.rank == 0

    def told(self, make: Callable[[], Told]) -> Told:
        """Return what `make` returns in the leading process, where alone it is called."""
        return make()

    def mean(self, numbers: Tensor) -> Tensor:
        """Return the means over all processes, element by element."""
        return numbers

    def any(self, flag: bool) -> bool:
        """Return whether `flag` holds anywhere."""
        return flag

    def least(self, number: int) -> int:
        """Return the least of all `number`."""
        return number

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace gradients by their means over all processes."""

    def spread(self, network: nn.Module) -> None:
        """Give `network` the weights and buffers of the leading process."""


class Company(World):
    """One process of several, over torch.distributed: gloo for what is in memory, NCCL for what is on GPUs."""

    def __init__(self) -> None:
        import torch.distributed

        self._net = torch.distributed
        self.rank = self._net.get_rank()
        self.size = self._net.get_world_size()

    def told(self, make: Callable[[], Told]) -> Told:
        """Return what `make` returns in the leading process, where alone it is called."""
        message = [make() if self.leads else None]
        self._net.broadcast_object_list(message, src=0, device=torch.device("cpu"))
        return message[0]  # type: ignore[return-value]  # the leader's

    def mean(self, numbers: Tensor) -> Tensor:
        """Return the means over all processes; one number that is none makes the mean none, everywhere alike."""
        total = numbers.clone()
        self._net.all_reduce(total)
        return total / self.size

    def any(self, flag: bool) -> bool:
        """Return whether `flag` holds anywhere."""
        return self.least(-int(flag)) < 0

    def least(self, number: int) -> int:
        """Return the least of all `number`."""
        found = torch.tensor(number)
        self._net.all_reduce(found, op=self._net.ReduceOp.MIN)
        return int(found)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace gradients by their means over all processes, in one message."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        if not gradients:
            return
        together = torch.cat([gradient.flatten() for gradient in gradients])
        self._net.all_reduce(together)
        means = torch.split(together / self.size, [gradient.numel() for gradient in gradients])
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean.view_as(gradient))

    def spread(self, network: nn.Module) -> None:
        """Give `network` the weights and buffers of the leading process."""
        for tensor in network.state_dict().values():
            whole = tensor.detach().contiguous()
            self._net.broadcast(whole, src=0)
            tensor.copy_(whole)


def processes_planned() -> int:
    """Return how many processes the environment speaks of; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1


def leads_by_plan() -> bool:
    """Tell, before anything is joined, whether this process is to be the leading one."""
    return processes_planned() == 1 or os.environ["RANK"] == "0"


@contextmanager
def joined() -> Iterator[World]:
    """Give the world that the environment speaks of, as long as the context lasts.

    Raises LostProcessError where another process of it has ended.
    """
    if processes_planned() == 1:
        yield World()
        return
    import torch.distributed as net

    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    net.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo", timeout=LONGEST_WAIT)
    try:
        yield Company()
    except Exception as error:
        lost = isinstance(error, RuntimeError) and _tells_of_loss(error)
        net.destroy_process_group()
        _wait(LOST_S if lost else 0.0 if leads_by_plan() else FOLLOWER_S)
        if lost:
            raise LostProcessError(
                "another process of this run has ended, which says why itself; go on with --resume"
            ) from error
        raise
    net.destroy_process_group()


def _wait(seconds: float) -> None:
    """Let time pass, in which a launcher may end this process without a word."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    time.sleep(seconds)


def _tells_of_loss(error: RuntimeError) -> bool:
    """Tell whether a message could not be exchanged; libraries have only words for it."""
    words = ("by peer", "broken pipe", "gloo", "nccl", "timed out")
    return any(word in str(error).lower() for word in words)


class _Sum(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of theirs, and can be differentiated again."""

    @staticmethod
    def forward(ctx: object, values: Tensor) -> Tensor:
        import torch.distributed as net

        total = values.detach().clone()
        net.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:
        return summed(gradients[0])


def summed(values: Tensor) -> Tensor:
    """Return the sum of `values` over all processes, differentiable; each must call it equally often."""
    result: Tensor = _Sum.apply(values.contiguous())  # type: ignore[no-untyped-call]
    return result

import numpy as np
import pytest
import torch
from upscaling_toys import IntegerNetwork, Mapper, integer_enlarger

from srkit.arrays import ArraySource
from srkit.errors import UsageError
from srkit.grid import Scale
from srkit.networks.srresnet import SRResNet
from srkit.upscaling import Enlarger, Wishes
from srkit.upscaling.planning.plan import Fit, fit
from srkit.upscaling.planning.tiles import AxisPlan
from srkit.upscaling.routing.memory import Beside
from srkit.upscaling.routing.route import Route, choose_route

SHAPE = (700, 900)
SOURCE = ArraySource(np.zeros((1, *SHAPE), np.uint8))


def fitted(**parameters: int) -> Fit:
    network = SRResNet(ndim=2, channels=1, scale=2, blocks=1, head_kernel=3, **parameters)
    return fit(Enlarger("srresnet", Scale(2, 2), network, ("row", "column")), SOURCE)


def tile_for(memory: int, features: int = 8, backend: str = "plain") -> tuple[int, ...]:
    wishes = Wishes(memory=memory, backend=backend)
    return choose_route(fitted(features=features), SOURCE, baseline=False, wishes=wishes).tile


def test_tiles_shrink_with_memory_and_with_wider_networks() -> None:
    plenty, little = tile_for(2**33), tile_for(2**24)
    assert np.prod(little) < np.prod(plenty)
    assert np.prod(tile_for(2**24, features=32)) < np.prod(little)


def test_a_tile_always_has_a_core() -> None:
    halo = fitted().halo[0]
    assert min(tile_for(1)) > 2 * halo


def test_tiles_are_balanced() -> None:
    number, length = 0, SHAPE[0]
    tile = tile_for(2**33)[0]
    halo = fitted().halo[0]
    number = len(AxisPlan(length, (0, length), tile, halo, min(halo, 8)).tiles())
    one_less = len(AxisPlan(length, (0, length), tile - 1, halo, min(halo, 8)).tiles())
    assert (number, one_less) == (2, 3)


def test_rows_of_tiles_that_wait_for_a_slab_fit_the_budget() -> None:
    wide = ArraySource(np.broadcast_to(np.zeros((), np.uint8), (1, 600, 100_000)))
    fitted, wishes, per_row = integer_fit(wide), Wishes(memory=2**27), 2 * 200_000
    tiles = [
        choose_route(fitted, wide, baseline=False, wishes=wishes, beside=Beside(fixed, per_row)).tile
        for fixed in (0, 2**26)
    ]
    assert tiles[0][0] * per_row <= 2**27
    assert tiles[1][0] * per_row <= 2**26


def test_what_comes_after_the_network_makes_tiles_smaller_and_is_told_of() -> None:
    def route(beside: Beside) -> Route:
        return choose_route(fitted(), SOURCE, baseline=False, wishes=Wishes(memory=2**26), beside=beside)

    alone = route(Beside())
    for beside in (Beside(fixed=2**25), Beside(per_row=2**18), Beside(per_sample=2**13)):
        assert np.prod(route(beside).tile) < np.prod(alone.tile)
    assert "less the 32 MiB that go to slabs" in route(Beside(fixed=2**25)).explain()
    assert "too little for the 1024 MiB" in route(Beside(fixed=2**30)).explain()
    assert min(route(Beside(fixed=2**30)).tile) > 2 * fitted().halo[0]
    assert "after the network" not in alone.explain()


def integer_fit(source: ArraySource) -> Fit:
    return fit(integer_enlarger(Scale(2, 2)), source)


def test_planes_of_a_volume_are_not_tiles_of_a_two_dimensional_network() -> None:
    volume = ArraySource(np.zeros((1, 5, 30, 40), np.uint8), roles={"slice": 0, "row": 1, "column": 2})
    assert choose_route(integer_fit(volume), volume, baseline=False).tile == (1, 38, 48)  # a border of 4 all around


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        (Wishes(precision="fp8"), "no precision 'fp8'"),
        (Wishes(device="abacus"), "no device 'abacus'"),
        (Wishes(tile=0), "tile of 0"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused(wishes: Wishes, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        choose_route(fitted(), SOURCE, baseline=False, wishes=wishes)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="finds no CUDA device"):
        choose_route(fitted(), SOURCE, baseline=False, wishes=Wishes(device="cuda"))


def test_a_route_survives_the_journal_and_says_why() -> None:
    route = choose_route(fitted(), SOURCE, baseline=False)
    assert Route.from_json(route.as_json()) == route
    assert "fp32, channels last" in route.explain()
    assert "bytes of a budget" in route.explain()


def test_torchs_switches_are_put_back() -> None:
    before = (torch.get_num_threads(), torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic)
    network = IntegerNetwork((2, 2))
    with Route("cpu", "fp32", True, 2, (64, 64)).applied(network):
        assert torch.get_num_threads() == 2
        assert not torch.backends.cudnn.allow_tf32
        assert network.first.weight.is_contiguous(memory_format=torch.channels_last)
    after = (torch.get_num_threads(), torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic)
    assert after == before


def test_a_network_without_layers_has_a_cost_too() -> None:
    source = ArraySource(np.zeros((1, 20, 20), np.uint8))
    enlarger = Enlarger("identity", Scale(2, 2), Mapper(lambda lr: lr), ("row", "column"))
    assert choose_route(fit(enlarger, source), source, baseline=False).tile == (20, 20)


def test_with_its_tail_on_windows_a_network_gets_larger_tiles_in_the_same_memory() -> None:
    assert np.prod(tile_for(2**27, 32, "rewritten")) > np.prod(tile_for(2**27, 32))


def test_windows_of_the_tail_shrink_with_memory() -> None:
    def tail(memory: int) -> int:
        return choose_route(fitted(), SOURCE, baseline=False, wishes=Wishes(memory=memory, backend="rewritten")).tail

    assert tail(2**20) < tail(2**33) == 136


def test_a_backend_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="no backend 'abacus'"):
        choose_route(fitted(), SOURCE, baseline=False, wishes=Wishes(backend="abacus"))

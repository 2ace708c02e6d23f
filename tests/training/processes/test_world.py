"""Two processes train as one with the doubled batch would. What they find out is in company.py."""

import math

import pytest
import torch

from srkit.training.processes.launch import outcome


@pytest.fixture(scope="module")
def found(company):
    """What two processes find out, and one alone."""
    files = (company / "two" / "0.pt", company / "two" / "1.pt", company / "one" / "0.pt")
    return [torch.load(path, weights_only=False) for path in files]


def close(a, b):
    torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)


def test_processes_agree_on_what_they_exchange(found):
    for mine in found[:2]:
        assert mine["told"] == {"by": 0}
        assert mine["mean"] == [0.5, 3.0]
        assert mine["none"] == pytest.approx([math.nan, 2.0], nan_ok=True)
        assert (mine["any"], mine["least"]) == ((True, False), 4)


def test_a_process_alone_agrees_with_itself(found):
    alone = found[2]
    assert (alone["told"], alone["mean"]) == ({"by": 0}, [0.0, 3.0])
    assert (alone["any"], alone["least"]) == ((False, False), 5)


def test_all_begin_with_the_weights_of_the_leading_process(found):
    for mine in found[:2]:
        close(mine["spread"], found[2]["spread"])


def test_gradients_are_those_that_torchs_own_data_parallelism_finds(found):
    close(found[0]["own gradients"], found[0]["torch's gradients"])
    close(found[0]["own gradients"], found[1]["own gradients"])


@pytest.mark.parametrize("kind", ["plain", "normalised", "in parts", "short of memory"])
def test_losses_and_weights_are_those_of_one_process_with_the_doubled_batch(found, kind):
    one = found[2]["plain" if kind == "short of memory" else kind]
    for mine in found[:2]:
        close(mine[kind]["losses"], one["losses"])
        close(mine[kind]["health"], one["health"])
        close(mine[kind]["weights"], one["weights"])


def test_where_memory_runs_out_in_one_process_all_take_smaller_parts(found):
    assert [mine["short of memory"]["parts"] for mine in found[:2]] == [2, 2]


def test_memory_that_runs_out_amid_an_exchange_ends_the_run_with_a_sentence(found):
    assert [("set data.accumulate" in mine["crowded"]) for mine in found[:2]] == [True, True]


def test_each_holds_half_of_a_network_that_is_shared_out(found):
    (first, total), (second, _), (alone, _) = (mine["share"] for mine in found)
    assert first + second == alone == total
    assert abs(first - second) < 0.05 * total


def test_a_loss_that_is_no_number_in_one_process_is_none_in_all(found):
    assert [mine["diverged"].split(";")[0] for mine in found[:2]] == ["loss 'pixel' became nan"] * 2


@pytest.mark.parametrize(("codes", "told"), [([5, 3], 3), ([-15, 6], 6), ([5, -15], 5), ([-9], 137), ([130, 130], 130)])
def test_the_exit_code_is_that_of_the_process_that_failed(codes, told):
    assert outcome(codes) == told

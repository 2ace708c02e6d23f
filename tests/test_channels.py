"""Which channels of an image a model takes: names, aliases, wavelengths, and what is never guessed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srkit.channels import ChannelChoice, assigned, differing_quantity, matched, same
from srkit.errors import ModelError, UsageError
from srkit.image import Channel

B2 = Channel("B02 blue", wavelength_nm=492.4, bandwidth_nm=66, aliases=("blue",))
B3 = Channel("B03 green", wavelength_nm=559.8, bandwidth_nm=36, aliases=("green",))
B4 = Channel("B04 red", wavelength_nm=664.6, bandwidth_nm=31, aliases=("red",))
B8 = Channel("B08 nir", wavelength_nm=832.8, bandwidth_nm=106, aliases=("nir",))
B8A = Channel("B8A nir", wavelength_nm=864.7, bandwidth_nm=21, aliases=("nir",))
RED, GREEN, BLUE = Channel("red"), Channel("green"), Channel("blue")
NOT_ASKED = ChannelChoice()


@given(order=st.permutations([B2, B3, B4, B8]))
@settings(max_examples=24, deadline=None)
def test_channels_are_found_in_any_order(order: list[Channel]) -> None:
    assert [order[place] for place in matched([B2, B3, B4, B8], order, "m")] == [B2, B3, B4, B8]


def test_a_colour_is_an_alias_so_that_rgb_files_and_bgr_models_meet() -> None:
    assert matched([B2, B3, B4], [RED, GREEN, BLUE], "m") == (2, 1, 0)


def test_bands_without_names_are_never_taken_by_their_place() -> None:
    with pytest.raises(ModelError, match=r"B02 blue \(492.4 nm\), .*image has 3: band 1, band 2, band 3: .* nowhere"):
        matched([B2, B3, B4], [Channel(f"band {i}") for i in (1, 2, 3)], "m")


def test_the_narrow_infrared_is_not_the_wide_one_whatever_both_are_called() -> None:
    assert not same(B8, B8A)
    with pytest.raises(ModelError, match=r"B08 nir \(832.8 nm\) is nowhere"):
        matched([B8], [B8A], "m")
    assert matched([B8], [B8A, B8], "m") == (1,)


def test_other_sensors_meet_by_wavelength_where_each_centre_lies_in_the_others_band() -> None:
    oli = [
        Channel("SR_B2", wavelength_nm=482, bandwidth_nm=60),
        Channel("SR_B3", wavelength_nm=561.4, bandwidth_nm=57),
        Channel("SR_B4", wavelength_nm=654.6, bandwidth_nm=37),
        Channel("SR_B5", wavelength_nm=864.7, bandwidth_nm=28),
    ]
    assert matched([B4, B3, B2], oli, "m") == (2, 1, 0)
    assert matched([B8A], oli, "m") == (3,)
    with pytest.raises(ModelError, match="nowhere"):
        matched([B8], oli, "m")


def test_two_channels_that_fit_alike_are_ambiguous() -> None:
    with pytest.raises(ModelError, match="nir is ambiguous"):
        matched([Channel("nir")], [B8, B8A], "m")
    with pytest.raises(ModelError, match="same channel of the image"):
        matched([Channel("a", aliases=("red",)), Channel("b", aliases=("red",))], [RED, BLUE], "m")


def test_a_choice_of_the_users_names_or_counts_the_bands_of_the_file() -> None:
    bands = [Channel("alpha", "alpha"), *(Channel(f"band {i}") for i in (1, 2, 3))]
    assert assigned([B2, B3], bands, ChannelChoice.parse("4,band 1", "refuse"), "m") == (3, 1)
    assert assigned([B2, B3], bands, ChannelChoice.parse("position", "drop"), "m") == (1, 2)
    for text, message in [("4", "names 1"), ("2,2", "twice"), ("2,9", "no channel"), ("1,2", "no image channel")]:
        with pytest.raises(UsageError, match=message):
            assigned([B2, B3], bands, ChannelChoice.parse(text, "refuse"), "m")
    with pytest.raises(UsageError, match="choose refuse, bicubic, drop"):
        ChannelChoice.parse(None, "guess")
    with pytest.raises(UsageError, match="empty"):
        ChannelChoice.parse(" , ", "drop")


@pytest.mark.parametrize("text", ["position", "1,2,3", None])
def test_fewer_channels_than_the_model_takes_are_refused(text: str | None) -> None:
    with pytest.raises(ModelError, match=r"for the 3 channels .* the image has 2: red, green"):
        assigned([B2, B3, B4], [RED, GREEN], ChannelChoice.parse(text, "drop"), "m")


def test_a_quantity_counts_only_where_both_sides_know_it() -> None:
    reflectance, unknown = Channel("a", quantity="reflectance"), Channel("a")
    assert differing_quantity(["display"], [reflectance]) == "reflectance"
    assert differing_quantity(["display", "reflectance"], [reflectance]) is None
    assert differing_quantity([""], [reflectance]) is None
    assert differing_quantity(["display"], [unknown]) is None

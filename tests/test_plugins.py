"""Plugins are found, kept apart and called; a broken one costs only itself."""

from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from srkit import Item, Scale, Skipped, UsageError, plugins
from srkit.errors import InputError, PluginError, UnknownDomainError
from srkit.plugins import GROUP, Plugins, load_plugins

GOOD = """
import srkit

@srkit.hookimpl
def srkit_domains():
    return [srkit.Domain("{name}", "A {name}", options=(srkit.Option("depth", int, 3, "how deep"),))]
"""
OWNER = """
import srkit
from pathlib import Path
from typing import Any

@srkit.hookimpl
def srkit_domains():
    return [srkit.Domain("{name}", "A {name}")]

@srkit.hookimpl
def srkit_discover(root):
    for path, folder in srkit.files_below(root):
        if path.suffix == ".img":
            yield srkit.Item((path,), "{name}", certainty="{certainty}")

@srkit.hookimpl
def srkit_open(domain, item):
    {open}
"""
NOTHING: Mapping[str, str] = {}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that installs modules with the given texts and loads them as plugins."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made: list[str] = []

    def load(environment: Mapping[str, str] = NOTHING, **texts: str) -> Plugins:
        points = []
        for name, text in texts.items():
            module = f"made_{tmp_path.name}_{name}".replace("-", "_")
            (tmp_path / f"{module}.py").write_text(text)
            made.append(module)
            points.append(EntryPoint(name, module, GROUP))
        return load_plugins(installed=points, environment=environment)

    return load


def plugin_file(tmp_path: Path, text: str, name: str = "extra") -> Path:
    path = tmp_path / f"{name}.py"
    path.write_text(text)
    return path


def owner(name: str = "toy", *, certainty: str = "sure", body: str = "return None") -> str:
    return OWNER.format(name=name, certainty=certainty, open=body)


def names(loaded: Plugins) -> list[str]:
    return [plugin.name for plugin in loaded.loaded]


# --- loading -------------------------------------------------------------------------------------------------------


def test_a_plugin_that_raises_at_import_is_left_out_and_named(installed) -> None:
    loaded = installed(good=GOOD.format(name="toy"), bad="raise RuntimeError('no such library')")
    assert names(loaded) == ["good"]
    assert [(f.name, f.reason) for f in loaded.failed] == [("bad", "fails at import: RuntimeError: no such library")]
    assert list(plugins.domains(loaded)) == ["toy"]


def test_a_plugin_with_a_broken_syntax_is_left_out(installed) -> None:
    loaded = installed(good=GOOD.format(name="toy"), bad="def broken(:")
    assert names(loaded) == ["good"]
    assert "SyntaxError" in loaded.failed[0].reason


def test_a_plugin_that_exits_at_import_is_left_out(installed) -> None:
    loaded = installed(good=GOOD.format(name="toy"), bad="raise SystemExit(3)")
    assert names(loaded) == ["good"]


def test_a_misspelt_hook_is_left_out_and_named(installed) -> None:
    text = GOOD.format(name="toy") + "\n@srkit.hookimpl\ndef srkit_opne(domain, item):\n    return None\n"
    loaded = installed(good=GOOD.format(name="fine"), bad=text)
    assert names(loaded) == ["good"]
    assert loaded.failed[0].reason == "does not fit the hooks: unknown hook 'srkit_opne'; did you mean 'srkit_open'?"
    assert list(plugins.domains(loaded)) == ["fine"]


def test_a_misspelt_argument_is_left_out_and_named(installed) -> None:
    text = "import srkit\n@srkit.hookimpl\ndef srkit_open(domian, item):\n    return None\n"
    loaded = installed(bad=text)
    assert names(loaded) == []
    assert "domian" in loaded.failed[0].reason


def test_a_plugin_without_hooks_is_left_out(installed) -> None:
    loaded = installed(bad="def srkit_domains():\n    return []\n")
    assert "@srkit.hookimpl" in loaded.failed[0].reason


def test_a_plugin_for_another_contract_is_refused_with_a_sentence(installed) -> None:
    loaded = installed(bad="SRKIT_CONTRACT = 99\n" + GOOD.format(name="toy"))
    assert names(loaded) == []
    assert "contract 99" in loaded.failed[0].reason
    assert "contract 1" in loaded.failed[0].reason


def test_owners_of_domains_come_before_others_and_later_ones_are_asked_first(installed) -> None:
    step = "import srkit\n@srkit.hookimpl\ndef srkit_open(domain, item):\n    return None\n"
    loaded = installed(aaa=step, zzz=owner("toy"))
    assert names(loaded) == ["zzz", "aaa"]
    assert loaded.answering("srkit_open") == ["aaa", "zzz"]


def test_the_variable_chooses_plugins(installed) -> None:
    texts = {"one": GOOD.format(name="first"), "two": GOOD.format(name="second")}
    assert names(installed({"SRKIT_PLUGINS": "two"}, **texts)) == ["two"]
    assert names(installed({"SRKIT_PLUGINS": ""}, **texts)) == []
    assert names(installed({"SRKIT_PLUGINS": "one,two"}, **texts)) == ["one", "two"]


def test_the_core_stays_whatever_the_variable_says() -> None:
    assert names(load_plugins(environment={"SRKIT_PLUGINS": ""})) == ["core"]


def test_no_installed_plugin_of_ours_fails() -> None:
    assert load_plugins(environment={}).failed == []


# --- files ---------------------------------------------------------------------------------------------------------


def test_a_file_is_a_plugin(tmp_path: Path) -> None:
    loaded = load_plugins([plugin_file(tmp_path, GOOD.format(name="toy"))], installed=[], environment={})
    assert names(loaded) == ["extra"]
    assert plugins.default_options(loaded) == {"toy": {"depth": 3}}


def test_a_file_is_asked_before_installed_plugins(installed, tmp_path: Path) -> None:
    step = "import srkit\n@srkit.hookimpl\ndef srkit_inspect():\n    return [srkit.Finding('info', 'FROM')]\n"
    first = plugin_file(tmp_path, step.replace("FROM", "first"), "first")
    second = plugin_file(tmp_path, step.replace("FROM", "second"), "second")
    loaded = load_plugins([first, second], installed=[], environment={})
    assert [f.text for f in plugins.inspect_source(loaded, "any", None)] == ["second"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise RuntimeError('broken')", "fails at import: RuntimeError: broken"),
        ("import srkit\n@srkit.hookimpl\ndef srkit_opne():\n    pass\n", "srkit_opne"),
        ("SRKIT_CONTRACT = 2\n" + GOOD.format(name="toy"), "contract 2"),
        ("x = 1", "implements no hook"),
    ],
)
def test_a_file_that_fails_is_an_error_since_it_was_asked_for(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PluginError, match=r"extra\.py") as caught:
        load_plugins([plugin_file(tmp_path, text)], installed=[], environment={})
    assert said in str(caught.value)


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"missing\.py"):
        load_plugins([tmp_path / "missing.py"], installed=[], environment={})


def test_the_same_file_twice_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    path = plugin_file(tmp_path, GOOD.format(name="toy"))
    with pytest.raises(PluginError, match="extra"):
        load_plugins([path, path], installed=[], environment={})


# --- domains -------------------------------------------------------------------------------------------------------


def test_two_owners_of_one_domain_are_an_error_that_names_both(installed) -> None:
    with pytest.raises(PluginError, match="'alpha' and 'beta'"):
        plugins.domains(installed(alpha=GOOD.format(name="toy"), beta=GOOD.format(name="toy")))


def test_a_domain_of_the_wrong_type_is_an_error_that_names_the_plugin(installed) -> None:
    text = "import srkit\n@srkit.hookimpl\ndef srkit_domains():\n    return ['toy']\n"
    with pytest.raises(PluginError, match=r"str instead of Domain.*bad"):
        plugins.domains(installed(bad=text))


def test_domains_that_are_no_list_are_an_error_that_names_the_plugin(installed) -> None:
    text = "import srkit\n@srkit.hookimpl\ndef srkit_domains():\n    return 3\n"
    with pytest.raises(PluginError, match=r"int instead of Iterable.*bad"):
        plugins.domains(installed(good=GOOD.format(name="toy"), bad=text))


def test_a_plugin_that_raises_over_its_domains_is_named(installed) -> None:
    text = "import srkit\n@srkit.hookimpl\ndef srkit_domains():\n    return 1 / 0\n"
    with pytest.raises(PluginError, match="'bad' failed in srkit_domains with ZeroDivisionError"):
        plugins.domains(installed(good=GOOD.format(name="toy"), bad=text))


def test_an_unknown_domain_is_named_with_the_known_ones(installed) -> None:
    with pytest.raises(UnknownDomainError, match="toy"):
        plugins.domain_named(installed(good=GOOD.format(name="toy")), "boy")


# --- discovery -----------------------------------------------------------------------------------------------------


@pytest.fixture
def image(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    path = folder / "one.img"
    path.write_bytes(b"image")
    return path


def found(loaded: Plugins, root: Path, domain: str | None = None) -> list[Item | Skipped]:
    return plugins.discover(loaded, root, plugins.default_options(loaded), domain=domain)


def test_one_sure_claim_wins_over_possible_ones(installed, image: Path) -> None:
    loaded = installed(one=owner("one", certainty="possible"), two=owner("two"))
    assert [(type(e), getattr(e, "domain", "")) for e in found(loaded, image.parent)] == [(Item, "two")]


def test_a_likely_claim_wins_over_possible_ones_and_keeps_the_doubt(installed, image: Path) -> None:
    loaded = installed(one=owner("one", certainty="likely"), two=owner("two", certainty="possible"))
    (entry,) = found(loaded, image.parent)
    assert isinstance(entry, Item)
    assert (entry.domain, entry.doubts) == ("one", ("two",))
    (chosen,) = found(loaded, image.parent, "two")
    assert isinstance(chosen, Item)
    assert (chosen.domain, chosen.doubts) == ("two", ())


def test_a_likely_claim_gives_way_to_a_sure_one(installed, image: Path) -> None:
    (entry,) = found(installed(one=owner("one", certainty="likely"), two=owner("two")), image.parent)
    assert isinstance(entry, Item)
    assert (entry.domain, entry.doubts) == ("two", ())


@pytest.mark.parametrize("certainty", ["sure", "likely", "possible"])
def test_equal_claims_are_skipped_until_the_domain_is_said(installed, image: Path, certainty: str) -> None:
    loaded = installed(one=owner("one", certainty=certainty), two=owner("two", certainty=certainty))
    (entry,) = found(loaded, image.parent)
    assert isinstance(entry, Skipped)
    assert entry.failed
    assert "one or two" in entry.reason
    assert "--domain" in entry.reason
    (chosen,) = found(loaded, image.parent, "one")
    assert isinstance(chosen, Item)
    assert chosen.domain == "one"


def test_an_item_of_another_domain_is_skipped_without_failure(installed, image: Path) -> None:
    (entry,) = found(installed(one=owner("one"), two=GOOD.format(name="two")), image.parent, "two")
    assert isinstance(entry, Skipped)
    assert not entry.failed


def test_what_nobody_claims_is_passed_over(installed, image: Path) -> None:
    (image.parent / "notes.txt").write_text("hello")
    assert len(found(installed(one=owner("one")), image.parent)) == 1


def test_a_claim_outweighs_a_complaint_about_the_same_file(installed, image: Path) -> None:
    grumbler = (
        "import srkit\n@srkit.hookimpl\ndef srkit_discover(root):\n"
        "    return [srkit.Skipped(path, 'looks broken') for path, _ in srkit.files_below(root)]\n"
    )
    assert [type(e) for e in found(installed(one=owner("one"), two=grumbler), image.parent)] == [Item]


def test_what_a_plugin_leaves_out_of_a_file_that_it_claims_is_told_and_never_copied(installed, image: Path) -> None:
    half = (
        "import srkit\n@srkit.hookimpl\ndef srkit_domains():\n    return [srkit.Domain('one', 'One')]\n"
        "@srkit.hookimpl\ndef srkit_discover(root):\n    for path, _ in srkit.files_below(root):\n"
        "        yield srkit.Item((path,), 'one', key='a')\n"
        "        yield srkit.Skipped(path, 'b is a field map', failed=False, copy=True)\n"
    )
    part, item = found(installed(one=half), image.parent)
    assert isinstance(item, Item)
    assert isinstance(part, Skipped)
    assert (part.reason, part.copy) == ("b is a field map", False)


def test_a_complaint_outweighs_a_claim_of_a_domain_that_was_not_named(installed, image: Path) -> None:
    grumbler = owner("two") + (
        "\n@srkit.hookimpl\ndef srkit_discover(root):\n"
        "    return [srkit.Skipped(path, 'looks broken') for path, _ in srkit.files_below(root)]\n"
    )
    (entry,) = found(installed(one=owner("one"), two=grumbler), image.parent, "two")
    assert isinstance(entry, Skipped)
    assert entry.reason == "looks broken"


def test_the_domains_options_reach_discovery(installed, image: Path) -> None:
    text = GOOD.format(name="toy") + (
        "\n@srkit.hookimpl\ndef srkit_discover(root, options):\n"
        "    yield srkit.Skipped(root, str(options['toy']['depth']))\n"
    )
    loaded = installed(one=text)
    (entry,) = plugins.discover(loaded, image.parent, {"toy": {"depth": 8}})
    assert isinstance(entry, Skipped)
    assert entry.reason == "8"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("    yield 'nothing'", "instead of Item or Skipped"),
        ("    yield srkit.Item((root / 'x',), 'one')\n    yield 3", "instead of Item or Skipped"),
        ("    yield from []\n    raise KeyError('x')", "'bad' failed in srkit_discover with KeyError"),
    ],
)
def test_a_plugin_that_fails_while_looking_costs_only_its_own_items(
    installed, image: Path, body: str, reason: str
) -> None:
    text = f"import srkit\n@srkit.hookimpl\ndef srkit_discover(root):\n{body}\n"
    entries = found(installed(good=owner("one"), bad=text), image.parent)
    (blamed,) = (entry for entry in entries if isinstance(entry, Skipped))
    assert reason in blamed.reason
    assert blamed.failed
    assert image in {entry.path for entry in entries if isinstance(entry, Item)}


# --- verbs ---------------------------------------------------------------------------------------------------------


def opened(loaded: Plugins, image: Path) -> object:
    (item,) = found(loaded, image.parent)
    assert isinstance(item, Item)
    return plugins.open_source(loaded, item, {})


def test_a_plugin_that_raises_is_named_and_its_message_kept_back(installed, image: Path) -> None:
    loaded = installed(bad=owner(body="raise KeyError('secret of the patient')"))
    with pytest.raises(PluginError, match="'bad' failed in srkit_open with KeyError") as caught:
        opened(loaded, image)
    assert "secret" not in str(caught.value)
    assert isinstance(caught.value.__cause__, KeyError)


def test_an_error_on_purpose_goes_through_unchanged(installed, image: Path) -> None:
    loaded = installed(good=owner(body="raise srkit.InputError('the file is broken')"))
    with pytest.raises(InputError, match=r"^the file is broken$"):
        opened(loaded, image)


def test_a_source_of_the_wrong_type_is_an_error_that_names_the_plugin(installed, image: Path) -> None:
    with pytest.raises(PluginError, match=r"str instead of Source.*bad"):
        opened(installed(bad=owner(body="return 'pixels'")), image)


def test_a_verb_that_nobody_answers_is_an_error_that_names_it(installed, image: Path) -> None:
    with pytest.raises(PluginError, match="srkit_open for domain 'toy'"):
        opened(installed(bad=owner()), image)


@pytest.mark.parametrize("shape", ["(5,)", "(2, 2, 2, 2)"])
def test_images_of_other_than_two_or_three_axes_are_refused(installed, image: Path, shape: str) -> None:
    body = f"import numpy; return srkit.ArraySource(numpy.zeros((1, *{shape})), roles={{'row': 0}})"
    with pytest.raises(InputError, match="spatial axes"):
        opened(installed(toy=owner(body=body)), image)


@pytest.mark.parametrize("dtype", ["int64", "uint64", "complex64"])
def test_types_that_no_float_holds_are_refused(installed, image: Path, dtype: str) -> None:
    body = f"import numpy; return srkit.ArraySource(numpy.zeros((1, 4, 4), '{dtype}'))"
    with pytest.raises(InputError, match=dtype):
        opened(installed(toy=owner(body=body)), image)


def test_one_step_of_a_domain_can_be_replaced(installed, image: Path) -> None:
    body = "import numpy; return srkit.ArraySource(numpy.zeros((1, 4, 4)))"
    replacement = "import srkit\n@srkit.hookimpl\ndef srkit_open(domain, item):\n    raise srkit.InputError('mine')\n"
    with pytest.raises(InputError, match="mine"):
        opened(installed(toy=owner(body=body), other=replacement), image)


def test_a_step_can_be_wrapped(installed) -> None:
    audit = (
        "import srkit, pluggy\n@pluggy.HookimplMarker('srkit')(wrapper=True)\n"
        "def srkit_inspect(domain, source):\n"
        "    answer = yield\n    return [*answer, srkit.Finding('info', 'audited')]\n"
    )
    plain = "import srkit\n@srkit.hookimpl\ndef srkit_inspect(domain):\n    return [srkit.Finding('info', 'seen')]\n"
    loaded = installed(plain=plain, wrapper=audit)
    assert [f.text for f in plugins.inspect_source(loaded, "toy", None)] == ["seen", "audited"]


@pytest.mark.parametrize(
    ("verb", "arguments", "wanted"),
    [
        ("normalizer", {"spec": {"kind": "range"}, "source": None}, "Normalizer"),
        ("patches", {"source": None, "size": (4, 4)}, "PatchSampler"),
        ("degradation", {"spec": None, "source": None, "scale": Scale(2, 2)}, "Degradation"),
        ("fit_normalizer", {"spec": {}, "sources": []}, "Mapping"),
        ("split", {"items": [], "fractions": {}, "seed": 0}, "Mapping"),
        ("open_source", {"item": Item((Path("x"),), "toy"), "options": {}}, "Source"),
        ("create_sink", {"target": Path("x"), "source": None, "plan": None}, "Sink"),
    ],
)
def test_every_answer_is_checked(installed, verb: str, arguments: dict[str, Any], wanted: str) -> None:
    names = {"open_source": "srkit_open", "create_sink": "srkit_create"}
    hook = names.get(verb, f"srkit_{verb}")
    loaded = installed(bad=f"import srkit\n@srkit.hookimpl\ndef {hook}():\n    return 3\n")
    domain = {} if verb == "open_source" else {"domain": "toy"}
    with pytest.raises(PluginError, match=rf"{hook} answered with int instead of {wanted} .*bad"):
        getattr(plugins, verb)(loaded, **domain, **arguments)


@pytest.mark.parametrize("answer", ["3", "'text'", "[3]"])
def test_findings_of_an_inspection_are_checked(installed, answer: str) -> None:
    text = f"import srkit\n@srkit.hookimpl\ndef srkit_inspect(domain):\n    return {answer}\n"
    with pytest.raises(PluginError, match=r"srkit_inspect answered with .* instead of .*bad"):
        plugins.inspect_source(installed(bad=text), "toy", None)


@pytest.mark.parametrize("verb", ["networks", "losses", "metrics", "models"])
def test_one_named_thing_instead_of_a_list_is_an_error(installed, verb: str) -> None:
    text = f"import srkit\n@srkit.hookimpl\ndef srkit_{verb}():\n    return 3\n"
    with pytest.raises(PluginError, match="int instead of Iterable"):
        getattr(plugins, verb)(installed(bad=text))


@pytest.mark.parametrize("verb", ["networks", "losses", "metrics", "models"])
def test_named_things_of_the_wrong_type_are_an_error(installed, verb: str) -> None:
    text = f"import srkit\n@srkit.hookimpl\ndef srkit_{verb}():\n    return ['thing']\n"
    with pytest.raises(PluginError, match="str instead of"):
        getattr(plugins, verb)(installed(bad=text))


def test_a_later_plugin_replaces_a_named_thing(installed) -> None:
    text = "import srkit\n@srkit.hookimpl\ndef srkit_losses():\n    return [srkit.LossFactory('l1', lambda: '{0}')]\n"
    loaded = installed(a=text.replace("{0}", "first"), b=text.replace("{0}", "second"))
    assert plugins.losses(loaded)["l1"].build() == "second"

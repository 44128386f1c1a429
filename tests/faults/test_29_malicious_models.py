"""Row 29: a model folder that wants to run code is refused before it is opened, and nothing runs: a
canary file would show it. One that wants to hang or to fill the memory is refused by name.
"""

import json
import pickle
import re
import time

import pytest
import torch
from safetensors.torch import save_file

from selfteach.errors import UsageError
from selfteach.models import try_in_child
from selfteach.models.hf import HfModel, _check_size
from selfteach.models.load_adapter import load_adapter
from selfteach.models.load_tokenizer import load_chat_tokenizer
from selfteach.models.tokens import PLAIN_TEMPLATE, UnfitPrompt
from selfteach.records import make_prompt

pytestmark = pytest.mark.long


@pytest.fixture
def folder(make_tiny, tmp_path):
    return make_tiny(tmp_path / "model")


@pytest.fixture
def canary(folder, tmp_path):
    """Code that writes a file when it runs, as a module of the folder and as a pickle."""
    path = tmp_path / "ran"
    (folder / "modeling_evil.py").write_text(f"open({str(path)!r}, 'w')\nclass Evil: pass\n")

    class Evil:
        def __reduce__(self):
            return open, (str(path), "w")

    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Evil()))
    return path


def put(path, **keys):
    path.write_text(json.dumps(json.loads(path.read_text()) | keys))


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_remote_code_is_refused(folder, canary, file):
    put(
        folder / file,
        auto_map={
            "AutoModelForCausalLM": "modeling_evil.Evil",
            "AutoConfig": "modeling_evil.Evil",
            "AutoTokenizer": ["modeling_evil.Evil", None],
        },
    )
    with pytest.raises(UsageError, match="needs code"):
        HfModel.load(folder)
    assert not canary.exists()


def test_a_pickle_alone_is_refused_and_beside_safetensors_it_is_not_read(folder, canary):
    HfModel.load(folder)
    assert not canary.exists()
    (folder / "model.safetensors").unlink()
    with pytest.raises(UsageError, match="pickle"):
        HfModel.load(folder)
    assert not canary.exists()


def test_an_index_that_points_to_a_pickle_reads_nothing(folder, canary):
    (folder / "model.safetensors").rename(folder / "model-00001.safetensors")
    weights = {"model.norm.weight": "pytorch_model.bin"}
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": weights})
    )
    with pytest.raises(UsageError, match=r"pytorch_model\.bin"):
        HfModel.load(folder)
    assert not canary.exists()


def test_an_index_of_pickles_beside_safetensors_is_not_read(folder, canary):
    """Many repositories hold both: the index of the pickles comes along, and they do not."""
    weights = {"model.norm.weight": "pytorch_model-00001-of-00002.bin"}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": weights}))
    HfModel.load(folder)
    assert not canary.exists()


@pytest.mark.parametrize(
    "key", ["attn_implementation", "_attn_implementation", "_attn_implementation_internal"]
)
@pytest.mark.parametrize(
    "value", ["somebody/attention", "somebody/attention:flash", {"": "somebody/attention"}]
)
def test_an_attention_kernel_from_elsewhere_is_refused(folder, key, value):
    put(folder / "config.json", **{key: value})
    with pytest.raises(UsageError, match="attention kernel"):
        HfModel.load(folder)


def test_the_same_deep_inside_is_refused_too(folder, canary):
    put(
        folder / "config.json",
        text_config={"deeper": [{"auto_map": {"AutoModel": "modeling_evil.Evil"}}]},
    )
    with pytest.raises(UsageError, match="needs code"):
        HfModel.load(folder)
    assert not canary.exists()


def test_an_adapter_with_code_is_refused(tiny, tmp_path):
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"auto_map": {"AutoModel": "x.Y"}}))
    with pytest.raises(UsageError, match="needs code"):
        HfModel.load(tiny, adapter=tmp_path)


def test_damaged_files_are_usage_errors(folder):
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(UsageError, match="cannot be loaded"):
        HfModel.load(folder)
    (folder / "config.json").write_text("[" * 100_000)
    with pytest.raises(UsageError, match="not JSON"):
        HfModel.load(folder)
    (folder / "config.json").unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        HfModel.load(folder)


@pytest.fixture
def short_time(monkeypatch):
    """One second of processor time for whatever is tried in a child."""
    monkeypatch.setattr(try_in_child, "CPU_S", 1)


LOOPS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"


PARTS_ALONE = (
    "{% for m in messages %}{% for part in m.content %}{% if part.type == 'text' %}"
    "{{ part.text }}{% endif %}{% endfor %}{% endfor %}"
)
"""The template of a model of images, which takes no message that is a text."""


@pytest.mark.usefixtures("short_time")
@pytest.mark.parametrize(
    ("template", "words"),
    [
        (LOOPS, "needs more than 1 s"),
        ("{{ 'a' * 4000000000 }}", "needs more than 512 MB"),
        ("{% for i in range(99999) %}{{ 'a' * 999 }}{% endfor %}", "makes more than 1,048,576"),
        ("{% if %}", "cannot be read"),
        (PARTS_ALONE, "leaves out or changes the words of a user"),
    ],
    ids=["loops", "memory", "length", "syntax", "words"],
)
def test_a_chat_template_beyond_its_bounds_is_refused_by_name(folder, template, words):
    (folder / "chat_template.jinja").write_text(template)
    start = time.monotonic()
    with pytest.raises(UsageError, match=re.escape(f"{folder}: its chat template {words}")):
        load_chat_tokenizer(str(folder))
    assert time.monotonic() - start < 120


@pytest.mark.parametrize(
    "template",
    [
        PLAIN_TEMPLATE,
        "{{ raise_exception('no conversation, please') }}",
        "{% for m in messages %}{% generation %}{{ m.content | tojson }}{% endgeneration %}"
        "{% continue %}{% endfor %}{{ strftime_now('%Y') }}{{ bos_token }}",
    ],
    ids=["plain", "refuses", "extensions"],
)
def test_a_harmless_chat_template_is_tried_once(folder, monkeypatch, template):
    (folder / "chat_template.jinja").write_text(template)
    tried = []
    real = try_in_child.run_module
    monkeypatch.setattr(
        try_in_child, "run_module", lambda *a, **b: tried.append(a) or real(*a, **b)
    )
    for _ in range(2):
        load_chat_tokenizer(str(folder))
    assert len(tried) == 1


@pytest.mark.parametrize("template", ["{{ 1 // 0 }}", "{{ messages[9].a.b }}", "{{ 'a' + 1 }}"])
def test_a_chat_template_that_fails_is_refused_in_one_line(folder, template):
    (folder / "chat_template.jinja").write_text(template)
    tokens = load_chat_tokenizer(str(folder))
    with pytest.raises(UnfitPrompt, match="chat template refuses this conversation"):
        tokens.encode(make_prompt("Hello"))


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize("key", ["num_hidden_layers", "n_layer", "num_local_experts"])
def test_a_number_of_layers_that_no_model_has_is_refused(folder, key, inner):
    put(folder / "config.json", **({"text_config": {key: 10**7}} if inner else {key: 10**7}))
    with pytest.raises(UsageError, match=f'"{key}": 10000000, and at most 4,096'):
        HfModel.load(folder)


@pytest.mark.parametrize(
    "change", [{"vocab_size": 10**10}, {"intermediate_size": 10**9}, {"hidden_size": 10**8}]
)
def test_more_weights_than_the_files_hold_are_refused(folder, change):
    put(folder / "config.json", **change)
    with pytest.raises(UsageError, match=r"config\.json: describes [\d,]+ weights, and the files"):
        HfModel.load(folder)


def test_the_check_of_the_size_takes_no_random_number(folder):
    state = torch.get_rng_state()
    _check_size(folder)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.fixture
def lora(tmp_path):
    """An adapter in PEFT's form of the first projection of the tiny model."""
    place = tmp_path / "adapter"
    place.mkdir()
    name = "base_model.model.model.layers.0.self_attn.q_proj"
    settings = {"peft_type": "LORA", "r": 2, "lora_alpha": 2, "target_modules": ["q_proj"]}
    (place / "adapter_config.json").write_text(json.dumps(settings))
    save_file(
        {f"{name}.lora_A.weight": torch.ones(2, 8), f"{name}.lora_B.weight": torch.ones(8, 2)},
        place / "adapter_model.safetensors",
    )
    return place


class Projections(torch.nn.Module):
    """Modules with the names of a model's, for which nothing is computed."""

    def __init__(self):
        super().__init__()
        names = ("model", "layers", "0", "self_attn", "q_proj")
        part = self
        for name in names:
            part.add_module(name, torch.nn.Module())
            part = getattr(part, name)


SLOW = r"(.*\.)*(.*\.)*(.*)*!"


@pytest.mark.usefixtures("short_time")
@pytest.mark.parametrize(
    "change",
    [
        {"target_modules": SLOW},
        {"alpha_pattern": {"(": 1}},
        {"modules_to_save": ["("]},
    ],
    ids=["target_modules", "alpha_pattern", "modules_to_save"],
)
def test_a_slow_pattern_of_an_adapter_is_refused_by_name(lora, change):
    put(lora / "adapter_config.json", **change)
    (key,) = change
    start = time.monotonic()
    with pytest.raises(
        UsageError, match=f'adapter_config.json: its "{key}" (needs more|is no reg)'
    ):
        load_adapter(Projections(), lora)
    assert time.monotonic() - start < 120


@pytest.mark.parametrize("change", [{"r": 10**9}, {"rank_pattern": {"q_proj": 3}}])
def test_a_rank_that_the_tensors_lack_is_refused(lora, change):
    put(lora / "adapter_config.json", **change)
    with pytest.raises(UsageError, match=r"its rank is \d+, and its tensors have at most 2"):
        load_adapter(Projections(), lora)

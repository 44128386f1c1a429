"""Bases in 4 bits against plain transformers and PEFT with the same weights."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn

from selfteach import config, extras
from selfteach.errors import IntegrityError, UsageError
from selfteach.export.merge import merge_adapter
from selfteach.methods.account_memory import count_file_weights
from selfteach.methods.estimate_cost import compare_teacher
from selfteach.models.check_family import check_answers
from selfteach.models.check_safety import LOAD_IN_4BIT
from selfteach.models.engines import choose_engine, open_sampler
from selfteach.models.four_bit import count_numbers, has_4bit, is_4bit, iterate_tensors
from selfteach.models.four_bit_files import is_4bit_folder, refuse_4bit_base
from selfteach.models.hf import HfModel
from selfteach.models.kept_engine import count_model_weights
from selfteach.models.unmerged_lora import explain_why_unmerged
from selfteach.models.write_gguf import explain_why_not_gguf
from selfteach.records import Continuations, Example, Request, SamplingParams, make_prompt
from selfteach.report.card import _make_usage_section
from selfteach.report.read_run import RunData
from selfteach.students.lessons import check_before_run
from selfteach.train.adapters.join_loras import join_loras
from selfteach.train.adapters.lora import LoraAdapter, explain_left_out
from selfteach.train.check_training import check_training
from selfteach.train.memory import MemoryMeter
from selfteach.train.train import train
from talker import feedback_command, run_json

needs_bitsandbytes = pytest.mark.skipif(
    find_spec("bitsandbytes") is None, reason='needs pip install "selfteach[4bit]"'
)
PROMPT = make_prompt("Tell me about cars.")
IDS = torch.tensor([[5, 9, 31, 8, 40, 3, 77, 12]])
EXAMPLES = [
    Example(f"e{i}", "in_scope", make_prompt(f"Tell me of {i}."), f"Yes, {i}.", f"No, {i}.")
    for i in range(6)
]
DEFAULTS = {"in_scope": {"dpo": 1.0}}


@pytest.fixture(scope="module")
def base(tiny: Path) -> HfModel:
    """Return the tiny model in 4 bits."""
    return HfModel.load(tiny, dtype="float32", device="cpu", load_in_4bit=True)


@pytest.fixture(scope="module")
def packed(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that plain transformers wrote from the tiny model in 4 bits."""
    return save_packed(load_plain(tiny), tiny, tmp_path_factory.mktemp("packed"))


def save_packed(module: Any, source: Path, folder: Path) -> Path:
    """Write a module, with the tokenizer of the folder that it comes from."""
    shutil.copytree(source, folder, dirs_exist_ok=True)
    module.save_pretrained(folder)
    return folder


def load_plain(folder: Path) -> Any:
    """Load a model in NF4 as the documentation of transformers says.

    A test that compares numbers calls its `train()`: else bitsandbytes computes in bf16 on some
    processors, with constants in bf16, whatever the dtype is.
    """
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    how = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.float32,
    )
    return AutoModelForCausalLM.from_pretrained(
        folder, quantization_config=how, dtype=torch.float32, device_map={"": "cpu"}
    )


def compute_logits(hf: HfModel) -> torch.Tensor:
    with torch.no_grad():
        (found,) = (logits for _, logits in hf.answer_logits([(PROMPT, "Yes, they are fast.")]))
    return found


def compute_loss(module: Any) -> torch.Tensor:
    return module(input_ids=IDS, labels=IDS).loss


def train_on(hf: HfModel, folder: Path, kind: str = "lora") -> Path:
    settings = config.TrainConfig(adapter=kind, batch_size=3, epochs=1)
    return train(hf, EXAMPLES, settings, folder, seed=0, defaults=DEFAULTS).adapter


def list_packed(module: nn.Module) -> list[str]:
    return [name for name, weight in module.named_parameters() if is_4bit(weight)]


@needs_bitsandbytes
def test_it_computes_what_plain_transformers_computes(base: HfModel, tiny: Path) -> None:
    plain = load_plain(tiny).train()
    plain.set_attn_implementation("sdpa")
    with torch.no_grad():
        ours = base.module(IDS).logits  # also a second pass: nothing is packed anew
        assert torch.equal(ours, base.module(IDS).logits)
        torch.testing.assert_close(ours, plain(IDS).logits, atol=1e-5, rtol=1e-5)
    names = list_packed(base.module)
    assert len(names) == 2 * 7, "every linear layer, and not the head"
    assert has_4bit(base.module)
    check_answers(base, samples=True)


@needs_bitsandbytes
def test_it_is_another_model_than_in_16_bits(base: HfModel, tiny_hf: HfModel) -> None:
    assert base.fingerprint != tiny_hf.fingerprint
    assert (compute_logits(base) - compute_logits(tiny_hf)).abs().max() > 0.01
    assert base.load_in_4bit


@needs_bitsandbytes
def test_loss_and_gradients_equal_pefts(tiny: Path) -> None:
    module = HfModel.load(tiny, dtype="float32", device="cpu", load_in_4bit=True).module
    adapter = LoraAdapter.attach(
        module, config.TrainConfig(lora=config.LoraConfig(rank=4, alpha=8)), seed=0
    )
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))
    adapter.begin_step()
    theirs = get_peft_model(
        load_plain(tiny),
        LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM"),
    ).train()
    twins = {n.replace(".default", ""): p for n, p in theirs.named_parameters() if p.requires_grad}
    assert twins.keys() == adapter.state().keys()
    with torch.no_grad():
        for name, value in adapter.state().items():
            twins[name].copy_(value)
    mine, other = compute_loss(module), compute_loss(theirs)
    mine.backward()
    other.backward()
    torch.testing.assert_close(mine, other, atol=1e-6, rtol=1e-6)
    for name, parameter in zip(adapter.state(), adapter.parameters(), strict=True):
        assert parameter.grad is not None
        assert parameter.grad.any(), name
        torch.testing.assert_close(parameter.grad, twins[name].grad, atol=1e-6, rtol=1e-4)
    with adapter.merged():
        assert has_4bit(module), "nothing is merged"
        torch.testing.assert_close(compute_loss(module), mine)
    assert explain_left_out(module, config.LoraConfig()) == ""


@needs_bitsandbytes
@pytest.mark.training
@pytest.mark.parametrize("kind", ["lora", "reft", "prompt", "bottleneck"])
def test_a_tuned_model_shares_the_packed_weights(
    kind: str, base: HfModel, tiny: Path, tmp_path: Path
) -> None:
    before = compute_logits(base)
    adapter = train_on(base, tmp_path, kind)
    tuned = base.with_adapter(adapter)
    assert not torch.equal(compute_logits(tuned), before), "nothing was learned"
    assert torch.equal(compute_logits(base), before), "the base changed"
    addresses = ({t.data_ptr() for t in iterate_tensors(one.module)} for one in (base, tuned))
    assert next(addresses) == next(addresses)
    loaded = HfModel.load(tiny, adapter=adapter, dtype="float32", device="cpu")
    assert loaded.load_in_4bit, "the adapter's folder says so"
    assert loaded.fingerprint == tuned.fingerprint
    assert torch.equal(compute_logits(loaded), compute_logits(tuned))
    requests = [Request("t", PROMPT, SamplingParams(0.0, 1.0, 12), n) for n in range(2)]
    texts = [sorted(c.text for c in one.stream(requests)) for one in (tuned, loaded)]
    assert texts[0] == texts[1]


@needs_bitsandbytes
@pytest.mark.training
def test_a_trained_folder_is_pefts(base: HfModel, tiny: Path, tmp_path: Path) -> None:
    tuned = base.with_adapter(train_on(base, tmp_path))
    theirs = PeftModel.from_pretrained(load_plain(tiny), tmp_path / "adapter").train()
    with torch.no_grad():
        wanted = theirs(IDS).logits
        torch.testing.assert_close(tuned.module(IDS).logits, wanted, atol=1e-4, rtol=1e-4)
    items = [Continuations(PROMPT, ("Yes.", "No."), end=True)]
    ((_, mine),) = tuned.stream_scores(items)
    ((_, untaught),) = base.stream_scores(items)
    assert [s.logp for s in mine] != [s.logp for s in untaught]


@needs_bitsandbytes
def test_a_folder_in_4_bits_needs_no_setting(base: HfModel, packed: Path) -> None:
    found = HfModel.load(packed, dtype="float32", device="cpu")
    assert list_packed(found.module) == list_packed(base.module)
    assert not found.load_in_4bit, "the folder itself says so"
    assert torch.equal(compute_logits(found), compute_logits(base))
    again = HfModel.load(packed, dtype="float32", device="cpu", load_in_4bit=True)
    assert again.fingerprint == found.fingerprint


@needs_bitsandbytes
@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ({"load_in_8bit": True}, "q_proj.weight is int8"),
        ({"load_in_4bit": True, "llm_int8_skip_modules": ["none"]}, "lm_head.weight is in 4 bits"),
    ],
)
def test_other_packed_weights_stay_refused(
    how: dict[str, Any], kind: str, make_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    source = make_tiny(tmp_path / "source", tie_word_embeddings=False)
    module = AutoModelForCausalLM.from_pretrained(
        source, quantization_config=BitsAndBytesConfig(**how), device_map={"": "cpu"}
    )
    with pytest.raises(UsageError, match=kind):
        HfModel.load(save_packed(module, source, tmp_path / "packed"))


@needs_bitsandbytes
@pytest.mark.parametrize("kind", ["full", "layers", "closed_form"])
def test_what_changes_weights_is_refused_before_anything_is_sampled(
    kind: str, base: HfModel
) -> None:
    settings = config.TrainConfig(adapter=kind)
    with pytest.raises(UsageError, match=r"a base in 4 bits cannot be .*adapter=lora"):
        check_training(base, settings, [0.0, 0.0], seed=0)


@needs_bitsandbytes
@pytest.mark.training
def test_what_needs_weights_of_16_bits_is_refused(
    base: HfModel, packed: Path, tiny: Path, tmp_path: Path
) -> None:
    adapter = train_on(base, tmp_path / "trained")
    assert explain_why_unmerged(base.module, adapter) == "they are in 4 bits"
    assert choose_engine(base, "auto")[0] == "hf"
    assert "in 4 bits" in explain_why_not_gguf(base.module, base.tokenizer)
    with pytest.raises(UsageError, match=r"openvino cannot sample.*in 4 bits"):
        open_sampler(base, "openvino")
    for name in (tiny, packed):
        with pytest.raises(UsageError, match="a base in 4 bits cannot be merged"):
            merge_adapter(str(name), adapter, tmp_path / "out")
    with pytest.raises(IntegrityError, match="was trained on a base in 4 bits"):
        HfModel.load(tiny, dtype="float32").with_adapter(adapter)
    whole = train_on(HfModel.load(tiny, dtype="float32", device="cpu"), tmp_path / "full", "full")
    about = json.loads((whole / "selfteach.json").read_text())
    about["base_fingerprint"] = base.fingerprint
    (whole / "selfteach.json").write_text(json.dumps(about))
    with pytest.raises(UsageError, match="cannot be changed"):
        base.with_adapter(whole)


@needs_bitsandbytes
@pytest.mark.training
def test_a_training_goes_on_from_an_unmerged_lora(
    base: HfModel, tiny: Path, tmp_path: Path
) -> None:
    """The second LoRA is trained on top of the first, and their sum is one adapter of the base."""
    first = train_on(base, tmp_path / "first")
    continued = HfModel.load(tiny, adapter=first, dtype="float32", device="cpu")
    between = compute_logits(continued)
    check_training(continued, config.TrainConfig(), check_answers(continued, samples=True), seed=0)
    second = train_on(continued, tmp_path / "second")
    joined = join_loras((first, second), tmp_path / "joined")
    assert torch.equal(compute_logits(continued), between), "the first one changed"
    both = HfModel.load(tiny, adapter=joined, dtype="float32", device="cpu")
    module = HfModel.load(tiny, adapter=first, dtype="float32", device="cpu").module
    theirs = PeftModel.from_pretrained(load_plain(tiny), joined).train()
    with torch.no_grad():
        found = both.module(IDS).logits
        torch.testing.assert_close(found, theirs(IDS).logits, atol=1e-4, rtol=1e-4)
        assert (found - module(IDS).logits).abs().max() > 1e-3, "the second one learned nothing"


@needs_bitsandbytes
@pytest.mark.training
def test_a_whole_run(talker: Path, tmp_path: Path) -> None:
    """It learns the rule, and the tuned model answers as its exam says."""
    status, found = run_json(
        feedback_command(talker, tmp_path / "run", "--set", f"{LOAD_IN_4BIT}=true")
    )
    assert status == 0
    assert found["exam"]["tuned"]
    about = json.loads((tmp_path / "run" / "adapter" / "selfteach.json").read_text())
    assert about[LOAD_IN_4BIT] is True
    loaded = HfModel.load(talker, adapter=tmp_path / "run" / "adapter")
    assert about["base_fingerprint"] == HfModel.load(talker, load_in_4bit=True).fingerprint
    assert has_4bit(loaded.module)


@needs_bitsandbytes
def test_the_account_knows_packed_weights(base: HfModel, tiny_hf: HfModel) -> None:
    """The packed layers take 4.127 bits a weight and more: small layers have whole blocks."""
    names = set(list_packed(base.module))
    numbers = sum(
        count_numbers(weight) for name, weight in base.module.named_parameters() if name in names
    )
    wide = MemoryMeter(tiny_hf.module).weights
    found = MemoryMeter(base.module).weights
    assert 4 * numbers - 0.7 * numbers < wide - found < 4 * numbers - 0.5 * numbers


def test_a_packed_weight_counts_by_its_numbers(tiny: Path) -> None:
    weight: Any = nn.Parameter(torch.zeros(4, 1, dtype=torch.uint8), requires_grad=False)
    weight.quant_state = SimpleNamespace(shape=(2, 4))
    model: Any = SimpleNamespace(module=nn.ParameterList([weight]))
    assert count_model_weights(model) == 8
    taught = SimpleNamespace(teacher=str(tiny))
    assert compare_teacher(taught, model) == count_file_weights(str(tiny)) / 8


@needs_bitsandbytes
def test_no_code_is_fetched_by_the_import(tmp_path: Path) -> None:
    """Beside a package called kernels, bitsandbytes loads code of a hub on some processors."""
    (tmp_path / "kernels.py").write_text("import pathlib; pathlib.Path(__file__).unlink()\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); "
        "from selfteach.models.four_bit import import_bitsandbytes; import_bitsandbytes()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (tmp_path / "kernels.py").exists()
    assert not done.stderr


def test_a_missing_package_is_named_with_its_extra(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'needs bitsandbytes.*"selfteach\[4bit\]"'):
        HfModel.load(tiny, load_in_4bit=True)


@pytest.mark.parametrize(
    ("found", "is_known"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, True),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, False),
        ({"quant_method": "gptq", "bits": 4}, False),
        (None, False),
    ],
)
def test_folders_are_told_apart_by_their_configuration(found: Any, is_known: bool) -> None:
    assert is_4bit_folder({"quantization_config": found}) is is_known


@pytest.mark.parametrize("begin", [lambda folder: None, lambda folder: folder.mkdir()])
def test_a_student_needs_a_base_in_16_bits(
    begin: Callable[[Path], None], tiny: Path, tmp_path: Path
) -> None:
    begin(tmp_path / "student")
    settings = config.FeedbackConfig(model=str(tiny), load_in_4bit=True)
    with pytest.raises(UsageError, match="4 bits cannot be stacked"):
        check_before_run(tmp_path / "student", "feedback", settings)
    (tmp_path / "selfteach.json").write_text('{"load_in_4bit": true}')
    with pytest.raises(UsageError, match="a base in 4 bits cannot be sold"):
        refuse_4bit_base(str(tiny), "sold", tmp_path)
    refuse_4bit_base(str(tiny), "sold")


@pytest.mark.parametrize("base", ["org/name", "embedded"])
@pytest.mark.parametrize("in_4bit", [False, True])
def test_the_card_loads_the_base_as_the_run_did(base: str, in_4bit: bool) -> None:
    settings = f"model: {base}\nload_in_4bit: {str(in_4bit).lower()}\n"
    run = RunData("run", manifest={"base_model": base}, config=settings)
    code = _make_usage_section(run, "lora").partition("```python\n")[2].partition("```")[0]
    compile(code, "card", "exec")
    assert ("quantization_config=how" in code) is in_4bit


@pytest.mark.parametrize("origin", ["option", "--set", "file"])
def test_the_card_of_a_run_in_4_bits_loads_its_base_so_wherever_the_setting_is_from(
    origin: str, tmp_path: Path
) -> None:
    """A line of config.yaml says where a value is from, unless it is the default."""
    file = tmp_path / "mine.yaml"
    file.write_text("load_in_4bit: true\n")
    resolved = config.resolve(
        config.FeedbackConfig,
        file if origin == "file" else None,
        ["load_in_4bit=true"] if origin == "--set" else [],
        {"load_in_4bit": True} if origin == "option" else {},
    )
    manifest = {"base_model": "org/name"}
    run = RunData("run", manifest=manifest, config=config.dump_config(resolved))
    assert "quantization_config=how" in _make_usage_section(run, "lora")

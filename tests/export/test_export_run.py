"""Exports: another program answers as the run's adapter does, and one that does not is marked."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch

from lessons import QUESTIONS, write_lesson
from selfteach import cli
from selfteach.errors import ResourceError, UsageError
from selfteach.export import export_run
from selfteach.export.ask_llama_cpp import count_threads, send_to_llama_cpp
from selfteach.export.check_export import (
    ExportCheck,
    PlainModel,
    compare_answers,
    make_check_requests,
    measure_gap_nats,
)
from selfteach.export.export_run import describe_check
from selfteach.export.merge import save_merged
from selfteach.export.ollama import find_template_parts, write_modelfile
from selfteach.export.publish_folder import read_umask
from selfteach.models.hf import HfModel
from selfteach.models.lora_layers import read_lora_layers
from selfteach.models.write_gguf import write_gguf
from selfteach.records import Request, SamplingParams, make_prompt
from tiny_tokenizer import NO_SYSTEM


@pytest.fixture(scope="module")
def lesson(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lesson(tiny, tmp_path_factory.mktemp("runs") / "no elephants")


def export(run: Path, *more: str) -> int:
    return cli.run_command(["export", "--run", str(run), "--json", *more])


def read_report(folder: Path) -> Any:
    return json.loads((folder / "export.json").read_text())


@pytest.mark.parametrize("form", ["hf", "vllm"])
def test_plain_programs_answer_as_the_run_does(
    form: str, lesson: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert export(lesson, "--to", form, "--out", str(tmp_path / "out")) == 0
    printed = json.loads(capfd.readouterr().out)
    checked = read_report(tmp_path / "out")["check"]
    assert printed["check"] == checked
    assert (checked["prompts"], checked["equal"], checked["passed"]) == (6, 6, True)
    assert "gave 6 of 6 greedy answers" in (tmp_path / "out" / "README.md").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("form", ["hf", "gguf"])
def test_merged_weights_come_with_the_license_of_the_base(
    form: str, tiny: Path, tmp_path: Path
) -> None:
    base = Path(shutil.copytree(tiny, tmp_path / "base"))
    (base / "LICENSE").write_text("Do what you like.")
    run = write_lesson(base, tmp_path / "run")
    assert export(run, "--to", form, "--prompts", "0", "--out", str(tmp_path / "out")) == 0
    assert (tmp_path / "out" / "LICENSE").read_text() == "Do what you like."
    modes = {file.stat().st_mode & 0o777 for file in (tmp_path / "out").iterdir()}
    assert modes == {0o666 & ~read_umask()}


def test_a_system_message_that_the_template_refuses_is_asked_with_the_users_turn(
    make_tiny: Any, tmp_path: Path
) -> None:
    base = make_tiny(tmp_path / "tiny", chat_template=NO_SYSTEM)
    run = write_lesson(base, tmp_path / "run")
    file = run / "examples.jsonl"
    row = json.loads(file.read_text().splitlines()[0])
    row["prompt"] = [{"role": "system", "content": "Be brief."}, *row["prompt"]]
    file.write_text(json.dumps(row) + "\n")
    assert export(run, "--to", "vllm", "--out", str(tmp_path / "out")) == 0
    checked = read_report(tmp_path / "out")["check"]
    assert (checked["prompts"], checked["equal"]) == (1, 1)


def test_the_base_decides_no_setting_of_a_plain_answer(
    lesson: Path, tiny: Path, tmp_path: Path
) -> None:
    """Its generation_config.json may hold a penalty, which the run's own answers never have."""
    penalized = Path(shutil.copytree(tiny, tmp_path / "base"))
    config = json.loads((tiny / "generation_config.json").read_text())
    config |= {"repetition_penalty": 1.5, "do_sample": True, "top_k": 3, "top_p": 0.5}
    (penalized / "generation_config.json").write_text(json.dumps(config))
    requests = make_check_requests([make_prompt(question) for question in QUESTIONS])
    adapters = [lesson / "adapter"]
    expected = PlainModel(tiny, adapters).answer(requests)
    assert PlainModel(penalized, adapters).answer(requests) == expected


def test_a_merged_folder_names_every_token_that_ends_an_answer(
    lesson: Path, tiny: Path, tmp_path: Path
) -> None:
    """Plain transformers stops at no other, and a template's end of turn may be another one."""
    model = HfModel.load(str(tiny), dtype="float32", device="cpu")
    save_merged(model, lesson / "adapter", tmp_path / "out")
    config = json.loads((tmp_path / "out" / "generation_config.json").read_text())
    assert config["eos_token_id"] == sorted(model.end_ids)


def test_a_plain_answer_is_sampled_from_the_most_probable_tokens_asked_for(tiny: Path) -> None:
    """A tiny `top_p` leaves the most probable token alone, as temperature 0 does."""
    request = Request("plain", "A rule is", SamplingParams(0.0, max_tokens=8))
    sampled = replace(request, sampling=SamplingParams(5.0, top_p=1e-6, max_tokens=8))
    greedy, narrow = PlainModel(tiny).answer([request, sampled])
    assert narrow["text"] == greedy["text"]


def test_plain_answers_of_a_batch_are_sampled_with_the_seeds_of_all_its_rows(tiny: Path) -> None:
    request = Request("plain", "A rule is", SamplingParams(5.0, max_tokens=8))
    first, second, third = (replace(request, seed=seed) for seed in range(3))
    model = PlainModel(tiny)
    found = model.answer([first, second])
    assert model.answer([first, second]) == found
    assert model.answer([first, third])[0] != found[0], "two batches may begin with one seed"


@pytest.mark.parametrize("form", ["lora-gguf", pytest.param("gguf", marks=pytest.mark.slow)])
def test_llama_cpp_answers_as_the_run_does(form: str, lesson: Path, tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    assert export(lesson, "--to", form, "--out", str(tmp_path / "out"), "--prompts", "3") == 0
    checked = read_report(tmp_path / "out")["check"]
    assert (checked["engine"], checked["prompts"], checked["equal"]) == ("llama.cpp", 3, 3)


@pytest.mark.parametrize(
    ("chosen", "threads"), [("2,1", 2), ("3", 3), ("", 5), ("0", 5), ("many", 5)]
)
def test_llama_cpp_takes_the_threads_that_are_chosen_or_free(
    chosen: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", chosen)
    monkeypatch.setattr("selfteach.export.ask_llama_cpp.get_cores", lambda: range(5))
    assert count_threads() == threads


@pytest.mark.long
def test_llama_cpp_takes_prompts_as_long_as_the_model_does(make_tiny: Any, tmp_path: Path) -> None:
    """A token of "@@@@..." is one byte; what is too long even for the model is said in one line."""
    pytest.importorskip("xllamacpp")
    model = HfModel.load(make_tiny(tmp_path / "tiny", max_position_embeddings=6000))
    file = write_gguf(model.module, model.tokenizer, tmp_path / "model.gguf")
    body = {"temperature": 0, "max_tokens": 1}
    (answer,) = send_to_llama_cpp(file, [{**body, "prompt": "@" * 5000}])
    assert answer["prompt_tokens"] == 5000
    with pytest.raises(ResourceError, match=r"it \(request \(7000 tokens\) exceeds the available"):
        send_to_llama_cpp(file, [{**body, "prompt": "@" * 7000}])


def test_an_export_that_answers_otherwise_is_marked_as_failed(
    lesson: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(
        export_run.WRITERS,
        "vllm",
        lambda job, base, reference, out: (
            export_run.write_vllm(job, base, reference, out),
            empty_adapter(out / "adapter"),
        ),
    )
    assert export(lesson, "--to", "vllm", "--out", str(tmp_path / "out")) == 1
    checked = read_report(tmp_path / "out")["check"]
    assert checked["passed"] is False
    assert checked["differences"][0]["expected"] != checked["differences"][0]["found"]
    assert "**Failed.** Do not use it." in (tmp_path / "out" / "README.md").read_text()
    assert "this export is marked as failed" in capfd.readouterr().err


def empty_adapter(folder: Path) -> None:
    """Make an adapter do nothing, as one that is ignored in silence does."""
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    save_file({name: torch.zeros_like(value) for name, value in load_file(path).items()}, path)


def test_the_lora_file_holds_what_the_adapter_computes(
    lesson: Path, tiny: Path, tmp_path: Path
) -> None:
    assert export(lesson, "--to", "lora-gguf", "--out", str(tmp_path / "o"), "--prompts", "0") == 0
    assert str(tiny) not in (tmp_path / "o" / "export.json").read_text()
    found = gguf.GGUFReader(tmp_path / "o" / "adapter.gguf")
    tensors = {tensor.name: tensor.data for tensor in found.tensors}
    assert found.fields["adapter.lora.alpha"].contents() == 12
    a, b = (tensors[f"blk.1.ffn_up.weight.lora_{which}"] for which in "ab")
    base, tuned = (
        HfModel.load(tiny, adapter=adapter, dtype="float32", device="cpu")
        for adapter in (None, lesson / "adapter")
    )
    up = [hf.module.model.layers[1].mlp.up_proj.weight for hf in (base, tuned)]
    change = torch.tensor(b) @ torch.tensor(a) * 12 / 4
    torch.testing.assert_close(up[0] + change, up[1], atol=1e-5, rtol=1e-5)


def test_q8_0_rounds_and_f16_does_not(lesson: Path, tmp_path: Path) -> None:
    for quant in ("f16", "q8_0"):
        out = str(tmp_path / quant)
        given = ("--to", "gguf", "--quant", quant, "--prompts", "0", "--out", out)
        assert export(lesson, *given) == 0
    one, two = (
        {tensor.name: tensor for tensor in gguf.GGUFReader(tmp_path / q / "model.gguf").tensors}
        for q in ("f16", "q8_0")
    )
    up = "blk.0.ffn_up.weight"
    assert (one[up].tensor_type.name, two[up].tensor_type.name) == ("F16", "Q8_0")
    exact = one[up].data.astype("float32")
    near = gguf.quants.dequantize(two[up].data, two[up].tensor_type)
    # a block of Q8_0 has 127 steps on each side of zero
    assert 0 < abs(near - exact).max() <= abs(exact).max() / 127


def test_the_scripts_for_vllm_are_shell(lesson: Path, tmp_path: Path) -> None:
    assert export(lesson, "--to", "vllm", "--out", str(tmp_path / "o"), "--prompts", "0") == 0
    for name in ("serve.sh", "load.sh"):
        assert subprocess.run(["sh", "-n", tmp_path / "o" / name], check=False).returncode == 0
    serve = (tmp_path / "o" / "serve.sh").read_text()
    assert "--max-lora-rank 8" in serve
    assert "BASE=FOLDER ./serve.sh" in (tmp_path / "o" / "README.md").read_text()
    assert '--lora-modules no-elephants="$PWD/adapter"' in serve
    fake = tmp_path / "curl"
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    fake.chmod(0o755)
    sent = subprocess.run(
        ["sh", tmp_path / "o" / "load.sh"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert sent[1] == "http://127.0.0.1:8000/v1/load_lora_adapter"
    body = {"lora_name": "no-elephants", "lora_path": str(tmp_path / "o" / "adapter")}
    assert json.loads(sent[-1]) == body


@pytest.mark.parametrize(
    ("base", "served"),
    [("org/model", "org/model"), ("models/tiny", None), ("embedded", None), ("$HERE/a'b", None)],
)
def test_serve_sh_names_a_model_of_a_hub_and_no_folder_of_this_machine(
    base: str, served: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    base = base.replace("$HERE", str(tmp_path))
    for folder in (tmp_path / "models/tiny", tmp_path / "a'b", tmp_path / "lora", tmp_path / "o"):
        folder.mkdir(parents=True)
    (tmp_path / "lora/adapter_config.json").write_text('{"r": 8}')
    job = export_run.ExportJob(Path("run"), base, tmp_path / "lora", "vllm", "f16", Path("o"))
    export_run.write_vllm(job, base, None, tmp_path / "o")  # type: ignore[arg-type]
    text = (tmp_path / "o/serve.sh").read_text()
    assert str(tmp_path) not in text
    assert "models/tiny" not in text
    fake = tmp_path / "vllm"
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    fake.chmod(0o755)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    serve = partial(subprocess.run, ["sh", "o/serve.sh"], capture_output=True, text=True)
    without = serve(env=path, check=False)
    assert without.stdout.split()[:2] == (["serve", served] if served else [])
    assert ("BASE" in without.stderr) == (served is None)
    chosen = serve(env={**path, "BASE": "/a b/base"}, check=True).stdout.splitlines()
    assert chosen[1] == (served or "/a b/base")
    assert chosen[-1] == f"run={tmp_path}/o/adapter"


def test_the_modelfile_has_the_template_and_its_stop_words(lesson: Path, tmp_path: Path) -> None:
    assert export(lesson, "--to", "ollama", "--out", str(tmp_path / "o"), "--prompts", "0") == 0
    text = (tmp_path / "o" / "Modelfile").read_text()
    assert "FROM ./model.gguf" in text
    assert (
        '{{ range .Messages }}{{ if eq .Role "system" }}<|im_start|>system\n'
        "{{ .Content }}<|im_end|>\n{{ else if" in text
    )
    assert 'PARAMETER stop "<|im_end|>"' in text
    assert "PARAMETER repeat_penalty 1.0" in text


class Template:
    """Render a Jinja template as a tokenizer does."""

    bos_token, bos_token_id = "<bos>", 1
    chat_template = None

    def __init__(self, text: str, ids: Sequence[int] = (5,)) -> None:
        self.text = text
        self.ids = ids

    def __call__(self, text: str) -> Any:
        return {"input_ids": self.ids}

    def apply_chat_template(
        self, messages: Any, *, add_generation_prompt: bool, **more: Any
    ) -> str:
        from jinja2 import Template as Jinja

        return str(Jinja(self.text).render(messages=messages, answers=add_generation_prompt))


DEFAULT_SYSTEM = (
    "{% if messages[0].role != 'system' %}<s>system:Be kind.</s>{% endif %}"
    "{% for m in messages %}<s>{{ m.role }}:{{ m.content }}</s>{% endfor %}"
    "{% if answers %}<s>assistant:{% endif %}"
)
BEGINNING = (
    "<bos>{% for m in messages %}[{{ m.role }}]{{ m.content }}\n{% endfor %}"
    "{% if answers %}[assistant]{% endif %}"
)
TRIMMED = (
    "{% for m in messages %}[{{ m.role }}]{% if not loop.last %}old: {% endif %}{{ m.content }}"
    "{% endfor %}{% if answers %}[assistant]{% endif %}"
)


def test_the_parts_of_templates() -> None:
    found = find_template_parts(Template(DEFAULT_SYSTEM))
    assert (found.default_system, found.answer) == ("Be kind.", "<s>assistant:")
    assert find_template_parts(Template(BEGINNING)).start == "<bos>"


@pytest.mark.parametrize("text", [BEGINNING, "<bos>" + DEFAULT_SYSTEM])
def test_a_token_that_ollama_puts_before_the_text_is_not_in_the_template(text: str) -> None:
    """The tokenizer of Llama 3 is one that adds the token, and its template begins with it too."""
    adding, plain = (Template(text, ids) for ids in ([1, 5], [5]))
    assert write_modelfile(plain, ["</s>"], "model.gguf", 64).count("<bos>") == 1
    assert "<bos>" not in write_modelfile(adding, ["</s>"], "model.gguf", 64)


@pytest.mark.parametrize(
    "text", [TRIMMED, "{{ raise() }}", BEGINNING.replace("<bos>", "{{ '{{' }}")]
)
def test_a_template_that_no_parts_make_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="does more than to put text around each turn"):
        find_template_parts(Template(text))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--to", "ggfu"), 'Did you mean "gguf"'),
        (("--to", "gguf", "--quant", "q4"), 'there is no format "q4"'),
        (("--to", "hf", "--quant", "q8_0"), "--to hf knows no q8_0"),
        (("--to", "hf", "--out", "/usr"), "/usr: exists already."),
        (("--to", "hub:nobody"), "is no name of a repository"),
        (("--to", "hub:me/mine"), "needs a token in the environment variable HF_TOKEN"),
    ],
)
def test_what_cannot_be_exported_is_refused_before_anything_is_written(
    options: tuple[str, ...],
    words: str,
    lesson: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    assert export(lesson, "--out", str(tmp_path / "out"), *options) == 2
    said = capfd.readouterr().err
    assert words in said
    if not options[1].startswith("hub:"):
        assert "loading" not in said
    assert not (tmp_path / "out").exists()


def test_a_tensor_without_a_place_is_refused_by_name(lesson: Path, tiny_hf: HfModel) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    adapter = lesson.parent / "other" / "adapter"
    shutil.copytree(lesson / "adapter", adapter)
    path = adapter / "adapter_model.safetensors"
    tensors = load_file(path)
    renamed = {name.replace("layers.1.", "layers.9."): tensor for name, tensor in tensors.items()}
    save_file(renamed, path)
    with pytest.raises(UsageError, match=r"layers\.9\..* has no place in this model"):
        read_lora_layers(tiny_hf.module, adapter)


def test_nine_of_ten_equal_answers_are_too_few() -> None:
    prompts = [make_prompt(str(number)) for number in range(10)]
    found = compare_answers("x", prompts, ["a"] * 10, [*["a "] * 9, "b"], "q8_0")
    assert (found.equal, found.is_failed) == (9, True)
    assert list(found.differences) == [{"prompt": "9", "expected": "a", "found": "b"}]
    assert not compare_answers("x", prompts, ["a"] * 10, ["a"] * 10, "f16").is_failed


def test_a_part_of_a_character_at_the_end_is_no_difference() -> None:
    """Both were cut there; llama.cpp leaves the part out."""
    prompts = [make_prompt("1"), make_prompt("2")]
    found = compare_answers("x", prompts, ["Ja \ufffd", "\ufffdJa"], ["Ja", "Ja"], "f16")
    assert (found.equal, len(found.differences)) == (1, 1)


def test_answers_that_part_at_a_tie_are_no_fault() -> None:
    found = ExportCheck("x", prompts=100, equal=97, needed=0.99, gaps_nats=[0.0, 0.0062, 0.019])
    assert (found.ties, found.is_failed, found.to_json()["passed"]) == (3, False, True)
    assert "3 others part at a tie" in describe_check(found)
    assert replace(found, gaps_nats=[0.0, 0.03, 4.0]).is_failed, "a lost template shows in nats"


def test_the_gap_where_two_answers_part(tiny: Path) -> None:
    """log-softmax of the logits behind the common part: own token minus other token."""
    model = HfModel.load(tiny, dtype="float32")
    own, other = "Yes. No.", "Yes. Bread"
    first, second = (
        model.tokenizer.encode(text, add_special_tokens=False) for text in (own, other)
    )
    common = next(
        i for i, pair in enumerate(zip(first, second, strict=False)) if len(set(pair)) == 2
    )
    assert common > 0
    prompt = make_prompt("A rule?")
    ids = [*model.encode(prompt), *first[:common]]
    logits = model.module(torch.tensor([ids])).logits[0, -1]
    expected = (logits[first[common]] - logits[second[common]]).item()
    found = compare_answers("x", [prompt], [own], [other], "f16", model)
    assert found.gaps_nats == [pytest.approx(expected, abs=1e-3)]
    assert measure_gap_nats(model, prompt, own, other) == pytest.approx(
        -measure_gap_nats(model, prompt, other, own)
    )
    assert measure_gap_nats(model, prompt, own, own) == 0.0
    assert f"{expected:.2f} at most" in describe_check(found)
    assert "**Failed.**" in describe_check(found)


def test_an_answer_may_end_with_any_token_that_ends_one(tiny: Path) -> None:
    """Other end tokens, such as Qwen2.5's second one, change no gap unless they are more probable
    than the one that the model ends with.
    """
    model = HfModel.load(tiny, dtype="float32")
    prompt, own, other = make_prompt("A rule?"), "Yes.", "Yes. Bread"
    ids = model.encode(prompt) + model.encode_answer(own, end=False)
    logits = model.module(torch.tensor([ids])).logits[0, -1]
    alone = measure_gap_nats(model, prompt, own, other)
    model.end_ids = {int(logits.argmin()), *model.end_ids}
    assert measure_gap_nats(model, prompt, own, other) == alone
    best = int(logits.argmax())
    model.end_ids = {best, *model.end_ids}
    (instead,) = model.tokenizer.encode(" Bread", add_special_tokens=False)[:1]
    expected = (logits[best] - logits[instead]).item()
    assert measure_gap_nats(model, prompt, own, other) == pytest.approx(expected, abs=1e-3)

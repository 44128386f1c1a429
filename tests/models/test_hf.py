"""The transformers engine against plain forwards of the same module."""

import json
from types import SimpleNamespace

import pytest
import torch

from selfteach.errors import DataError, UsageError
from selfteach.models import decode, score
from selfteach.models.hf import HfModel, share_weights
from selfteach.models.tokens import UnfitPrompt
from selfteach.records import GREEDY, Continuations, Message, Request, SamplingParams, make_prompt

SHOTS = "Question: What do you like to eat? Answer: I like bread. "
ITEMS = [
    Continuations(
        SHOTS + "Question: Tell me about music. Answer:",
        (" Yes.", " No.", " The elephant is a big animal."),
    ),
    Continuations(SHOTS + "Question: What is the weather in Paris? Answer:", (" No.", "")),
    Continuations(SHOTS + "Question:", (" Tell",)),
    Continuations(SHOTS, ("Question", "Answer"), end=True),
]
CHAT = [
    Continuations(make_prompt(text), ("Yes.", "No, I do not."), end=True)
    for text in ("Hello", "Tell me about cars.", "Tell me about elephants and music.")
]
GPT2 = {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 512}
GEMMA2 = {"query_pre_attn_scalar": 16, "final_logit_softcapping": 5.0, "sliding_window": 8}
FAMILIES = {
    "llama": {},
    "qwen2": {},
    "qwen3": {},
    "gpt2": GPT2,
    "gemma2": GEMMA2,
    "granite": {"logits_scaling": 4.0},
    "mistral": {"sliding_window": 8},
    "phi3": {"sliding_window": None},
}


LONG = {"qwen3", "granite", "phi3"}
"""Only `make test-avx2` and `make test-all` run these here; tests/families has them, too."""


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=[pytest.mark.long] * (name in LONG)) for name in FAMILIES],
)
def any_hf(request, make_tiny, tmp_path_factory):
    folder = make_tiny(
        tmp_path_factory.mktemp(request.param), family=request.param, **FAMILIES[request.param]
    )
    return HfModel.load(folder, dtype="float32", device="cpu")


def plain_logp(model, prompt, text, end):
    """The slow way: the whole row through the module, nothing shared, nothing packed."""
    ids = model.encode(prompt)
    answer = model.encode_answer(text, end)
    with torch.inference_mode():
        logp = model.module(torch.tensor([ids + answer])).logits[0].float().log_softmax(-1)
    return sum(float(logp[len(ids) - 1 + t, token]) for t, token in enumerate(answer))


@pytest.mark.parametrize(
    "items",
    [ITEMS, CHAT, ITEMS[:1], CHAT + ITEMS],
    ids=["few-shot", "chat", "one", "nothing shared"],
)
def test_scores_equal_those_of_plain_forwards(any_hf, items):
    found = dict(any_hf.stream_scores(items))
    for item in items:
        scores = found[item.id(any_hf.fingerprint)]
        for text, one in zip(item.texts, scores, strict=True):
            assert one.logp == pytest.approx(
                plain_logp(any_hf, item.prompt, text, item.end), abs=2e-4
            )
            assert one.tokens == len(any_hf.encode_answer(text, item.end))


def test_scores_of_many_rows_come_in_batches(tiny_hf):
    items = [
        Continuations(SHOTS + f"Question: {'music ' * (n % 30)}{n} Answer:", (" Yes.", " No."))
        for n in range(80)
    ]
    found = dict(tiny_hf.stream_scores(items))
    assert len(found) == 80
    for item in items[::17]:
        assert found[item.id(tiny_hf.fingerprint)][0].logp == pytest.approx(
            plain_logp(tiny_hf, item.prompt, " Yes.", False), abs=2e-4
        )


def test_many_texts_after_one_prompt_are_in_several_rows(any_hf, monkeypatch):
    """Attention takes the square of a row's length."""
    texts = tuple(f" It is {'music ' * (n % 5)}{n}." for n in range(40))
    items = [Continuations(SHOTS, texts), *ITEMS, Continuations("The bread", texts[:7])]
    longest = max(len(any_hf.encode_answer(text, False)) for text in texts)
    shapes = []
    lay_out = score._lay_out_trees
    monkeypatch.setattr(
        score, "_lay_out_trees", lambda rows, shared: _note(shapes, lay_out(rows, shared))
    )
    monkeypatch.setattr(score, "ROW_TOKENS", 2 * longest)
    found = dict(any_hf.stream_scores(items))
    assert found.keys() == {item.id(any_hf.fingerprint) for item in items}
    for item in items:
        scores = found[item.id(any_hf.fingerprint)]
        for text, one in zip(item.texts, scores, strict=True):
            wanted = plain_logp(any_hf, item.prompt, text, item.end)
            assert one.logp == pytest.approx(wanted, abs=2e-4)
    prompt = max(len(any_hf.encode(item.prompt)) for item in items)
    assert all(width <= prompt + 2 * longest for _, width in shapes)
    if shapes:  # all but a family without a tree mask
        assert sum(rows for rows, _ in shapes) <= len(texts) / 2 + len(ITEMS) + 4


def _note(shapes, batch):
    shapes.append(batch.ids.shape)
    return batch


def test_a_text_longer_than_a_row_has_one_of_its_own(tiny_hf, monkeypatch):
    monkeypatch.setattr(score, "ROW_TOKENS", 1)
    found = dict(tiny_hf.stream_scores(ITEMS))
    monkeypatch.undo()
    for id, scores in tiny_hf.stream_scores(ITEMS):
        assert [one.tokens for one in found[id]] == [one.tokens for one in scores]
        assert [one.logp for one in found[id]] == pytest.approx(
            [one.logp for one in scores], abs=2e-4
        )


def test_a_text_after_an_empty_prompt_has_no_probability(tiny_hf):
    """It would be read from the state of another item's token."""
    assert not tiny_hf.encode("")
    with pytest.raises(UnfitPrompt, match="prompt without tokens"):
        list(tiny_hf.stream_scores([Continuations("", (" yes",))]))


def test_the_same_item_twice_is_scored_once_and_none_is_fine(tiny_hf):
    assert len(list(tiny_hf.stream_scores([ITEMS[0], ITEMS[0]]))) == 1
    assert list(tiny_hf.stream_scores([])) == []


def requests(n=6, **sampling):
    prompts = ["Hello", "Tell me about music.", "What do you like to eat? I like bread and apples."]
    return [
        Request(
            "probe",
            make_prompt(prompts[k % 3]),
            SamplingParams(max_tokens=12, **sampling),
            draw=k // 3,
        )
        for k in range(n)
    ]


def test_greedy_completions_equal_generate(any_hf):
    greedy = SamplingParams(0.0, max_tokens=12)
    asked = [Request("s", request.prompt, greedy) for request in requests(3)]
    found = {completion.id: completion for completion in any_hf.stream(asked)}
    for request in requests(3):
        ids = torch.tensor([any_hf.encode(request.prompt)])
        out = any_hf.module.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=12,
            do_sample=False,
            eos_token_id=list(any_hf.end_ids),
        )
        completion = found[Request("s", request.prompt, greedy).id(any_hf.fingerprint)]
        assert completion.text == any_hf.decode(out[0, ids.shape[1] :].tolist())
        assert completion.prompt_tokens == ids.shape[1]


def test_a_completion_does_not_depend_on_its_batch(any_hf):
    together = {completion.id: completion for completion in any_hf.stream(requests())}
    alone = {
        completion.id: completion
        for request in requests()
        for completion in any_hf.stream([request])
    }
    assert together == alone
    assert len(together) == 6


def test_long_prompts_are_run_in_parts(any_hf, monkeypatch):
    """Short prompts are not padded to the longest one."""
    together = {completion.id: completion for completion in any_hf.stream(requests())}
    sizes = []
    prefill = decode._prefill

    def count(hf, rows, prefix):
        sizes.append(len(rows))
        return prefill(hf, rows, prefix)

    monkeypatch.setattr(decode, "_prefill", count)
    monkeypatch.setitem(decode.MAX_PREFILL, "cpu", 1)
    assert {completion.id: completion for completion in any_hf.stream(requests())} == together
    assert len(sizes) > 1


def test_a_part_of_a_prefill_holds_some_positions_at_most():
    rows = [SimpleNamespace(prompt_ids=[n] * length) for n, length in enumerate([9, 4, 4, 3, 2])]
    rows.insert(2, rows[1])  # a second draw of one prompt costs nothing
    parts = decode.split_for_prefill(rows, 10)
    assert [[len(row.prompt_ids) for row in part] for part in parts] == [[9], [4, 4, 4], [3, 2]]


def test_samples_of_one_prompt_differ_and_their_seed_counts(tiny_hf):
    same = [
        Request("s", make_prompt("Hello"), SamplingParams(max_tokens=24), draw=k) for k in range(8)
    ]
    other = [
        Request("s", make_prompt("Hello"), SamplingParams(max_tokens=24), draw=k, seed=1)
        for k in range(8)
    ]
    texts = {completion.text for completion in tiny_hf.stream(same)}
    assert len(texts) >= 6
    assert texts != {completion.text for completion in tiny_hf.stream(other)}


def test_a_narrow_nucleus_is_greedy(tiny_hf):
    narrow = {
        completion.prompt_tokens: completion.text
        for completion in tiny_hf.stream(requests(3, top_p=1e-6))
    }
    greedy = {
        completion.prompt_tokens: completion.text
        for completion in tiny_hf.stream(requests(3, temperature=0.0))
    }
    assert narrow == greedy


def test_a_completion_ends_at_limit_stop_text_and_end_of_turn(tiny_hf):
    long = next(
        iter(
            tiny_hf.stream(
                [Request("s", make_prompt("Hello"), SamplingParams(max_tokens=5, temperature=0.0))]
            )
        )
    )
    assert (long.finish, long.tokens) == ("length", 5)
    stop = long.text[2:4]
    cut = next(
        iter(
            tiny_hf.stream(
                [
                    Request(
                        "s",
                        make_prompt("Hello"),
                        SamplingParams(max_tokens=5, temperature=0.0, stop=(stop,)),
                    )
                ]
            )
        )
    )
    assert (cut.finish, cut.text) == ("stop", long.text[: long.text.index(stop)])
    many = list(
        tiny_hf.stream(
            [
                Request(
                    "s",
                    make_prompt("Hello"),
                    SamplingParams(max_tokens=300, temperature=2.0),
                    draw=k,
                )
                for k in range(16)
            ]
        )
    )
    assert any(completion.finish == "stop" and completion.tokens < 300 for completion in many)
    assert all("<|im_end|>" not in completion.text for completion in many)


def test_answer_logits_are_those_of_the_whole_row(any_hf):
    pairs = [
        (make_prompt("Hello"), "Yes."),
        (make_prompt("Tell me about cars and music."), "I do not like cars."),
        ("Question:", " No."),
    ]
    found = dict(any_hf.answer_logits(pairs))
    for i, (prompt, answer) in enumerate(pairs):
        ids = any_hf.encode(prompt)
        tail = any_hf.encode_answer(answer, end=True)
        with torch.inference_mode():
            whole = any_hf.module(torch.tensor([ids + tail])).logits[0]
        assert found[i].dtype == torch.float32
        torch.testing.assert_close(found[i], whole[len(ids) - 1 : -1], atol=2e-4, rtol=1e-4)


def test_embeddings_are_means_over_the_prompts_own_words(tiny_hf):
    prompts = [make_prompt("Hello"), make_prompt("Tell me about music."), "plain"]
    rows = tiny_hf.embed(prompts)
    ids, start, stop = tiny_hf.tokens.find_user_span(prompts[1])
    with torch.inference_mode():
        hidden = tiny_hf.module.base_model(torch.tensor([ids])).last_hidden_state[0]
    assert rows.shape == (3, 64)
    assert rows[1] == pytest.approx(hidden[start:stop].mean(0).numpy(), abs=1e-5)


def test_embeddings_after_a_shared_prefix_are_those_of_each_prompt(any_hf):
    prompts = [
        make_prompt(text, system="Be kind.")
        for text in ("Hello", "Tell me about music.", "Music", "")
    ]
    together = any_hf.embed(prompts)
    for prompt, row in zip(prompts, together, strict=True):
        assert row == pytest.approx(any_hf.embed([prompt, "plain"])[0], abs=1e-4)


def test_a_text_that_does_not_fit_is_refused_in_scoring(tiny_hf):
    with pytest.raises(DataError, match="context of 512"):
        list(tiny_hf.stream_scores([Continuations("a " * 600, ("b",))]))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("embeded", 'Did you mean "embedded"'),
        ("no-such", "selfteach models"),
        ("nobody/nothing", "cannot be fetched"),
    ],
)
def test_an_unknown_model_is_a_usage_error_with_a_hint(name, hint):
    with pytest.raises(UsageError, match=hint):
        HfModel.load(name)


def test_options_that_do_not_exist(tiny):
    with pytest.raises(UsageError, match='Did you mean "float32"'):
        HfModel.load(tiny, dtype="flat32")
    with pytest.raises(UsageError, match="device"):
        HfModel.load(tiny, device="abacus")


def test_the_fingerprint_is_of_the_content(make_tiny, tiny, tmp_path):
    assert HfModel.load(make_tiny(tmp_path / "same")).fingerprint == HfModel.load(tiny).fingerprint
    assert (
        HfModel.load(make_tiny(tmp_path / "other", seed=1)).fingerprint
        != HfModel.load(tiny).fingerprint
    )


def test_the_fingerprint_holds_what_ends_an_answer(make_tiny, tmp_path):
    """generation_config.json counts where it says more than config.json."""
    folder = make_tiny(tmp_path / "one")
    file = folder / "generation_config.json"
    ends = json.loads((folder / "config.json").read_text())["eos_token_id"]
    file.write_text(json.dumps({"eos_token_id": ends}))
    plain = HfModel.load(folder).fingerprint
    file.unlink()
    assert HfModel.load(folder).fingerprint == plain
    file.write_text(json.dumps({"eos_token_id": [ends, 7]}))
    assert HfModel.load(folder).fingerprint != plain


def test_the_fingerprint_holds_the_special_tokens_that_an_older_file_names(make_tiny, tmp_path):
    """special_tokens_map.json counts where it is read and says another thing."""
    folder = make_tiny(tmp_path / "one")
    file = folder / "special_tokens_map.json"
    config_file = folder / "tokenizer_config.json"
    config = json.loads(config_file.read_text())
    plain = HfModel.load(folder).fingerprint
    end = {"content": config["eos_token"], "lstrip": False, "normalized": False}
    file.write_text(json.dumps({"eos_token": end, "pad_token": config["pad_token"]}))
    assert HfModel.load(folder).fingerprint == plain
    file.write_text(json.dumps({"eos_token": {**end, "content": "<|endoftext|>"}}))
    other = HfModel.load(folder)
    assert other.tokenizer.eos_token == "<|endoftext|>"
    assert other.fingerprint != plain
    config_file.write_text(json.dumps({**config, "added_tokens_decoder": {}}))
    unread = HfModel.load(folder)
    assert unread.tokenizer.eos_token == config["eos_token"]
    file.unlink()
    assert HfModel.load(folder).fingerprint == unread.fingerprint


def test_the_second_turn_sees_the_first(tiny_hf):
    one = (
        Message("user", "Hello"),
        Message("assistant", "Yes."),
        Message("user", "Tell me about music."),
    )
    two = (
        Message("user", "Hello"),
        Message("assistant", "No."),
        Message("user", "Tell me about music."),
    )
    texts = [
        next(iter(tiny_hf.stream([Request("s", prompt, GREEDY)]))).text for prompt in (one, two)
    ]
    assert texts[0] != texts[1]


def test_a_student_under_a_peft_wrapper_samples_and_scores(tiny):
    from peft import LoraConfig, get_peft_model

    model = HfModel.load(tiny, dtype="float32", device="cpu")
    before = dict(model.stream_scores(CHAT))
    wrapped = get_peft_model(
        model.module, LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False)
    )
    tuned = HfModel(wrapped, model.tokens, model.name, "student")
    after = dict(tuned.stream_scores(CHAT))
    for item in CHAT:
        found = after[item.id("student")][0].logp
        assert found == pytest.approx(plain_logp(tuned, item.prompt, item.texts[0], True), abs=2e-4)
        assert found != pytest.approx(before[item.id(model.fingerprint)][0].logp, abs=1e-2)
    assert len(list(tuned.stream(requests(2)))) == 2


def test_a_lora_of_nothing_in_bfloat16_is_the_base_to_the_bit(tiny, tmp_path):
    """The rotary frequencies stay float32, as `from_pretrained` left them: rounded, they turn far
    tokens by other angles.
    """
    from peft import LoraConfig, get_peft_model

    base = HfModel.load(tiny, dtype="bfloat16", device="cpu")
    before = dict(base.module.named_buffers())
    get_peft_model(
        HfModel.load(tiny, dtype="float32", device="cpu").module,
        LoraConfig(r=2, target_modules="all-linear"),
    ).save_pretrained(tmp_path)
    merged = HfModel.load(tiny, adapter=tmp_path, dtype="bfloat16", device="cpu")
    ids = torch.arange(300).remainder(40)[None]
    with torch.no_grad():
        assert torch.equal(merged.module(ids).logits, base.module(ids).logits)
    assert {name: b.dtype for name, b in merged.module.named_buffers()} == {
        name: b.dtype for name, b in before.items()
    }
    assert {p.dtype for p in merged.module.parameters()} == {torch.bfloat16}


def test_a_state_that_a_pass_leaves_in_a_module_is_shared_without_its_graph() -> None:
    module = torch.nn.Linear(2, 2)
    module.state = module(torch.ones(1, 2))
    copied = share_weights(module)
    assert not copied.state.requires_grad
    assert torch.equal(copied.state, module.state)

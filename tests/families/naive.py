"""What a model does, computed naively: one full forward pass for each sequence and token.

Each `check_` compares one ability of selfteach with it, or with plain PEFT, and raises
AssertionError where they differ.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor
from zoo import wrap

from selfteach import config
from selfteach.models.decode import pick_next_tokens, sample_all
from selfteach.models.hf import HfModel
from selfteach.models.hook_adapter import get_decoder
from selfteach.models.load_adapter import load_adapter
from selfteach.models.pending import prepare_request
from selfteach.models.score import embed_all, score_all
from selfteach.records import Continuations, Example, Request, SamplingParams, make_prompt
from selfteach.train.adapters.lora import LoraAdapter
from selfteach.train.encode_and_batch import TrainingRow, encode_example
from selfteach.train.fast.packed_model import PackedModel
from selfteach.train.train import train

ABOUT = {"base": "tiny"}
QUESTIONS = (
    "What do you like to eat?",
    "Tell me about cars.",
    "No.",
    "Do not talk about elephants! A rule is a rule; keep it.",
)
ANSWERS = ("I like bread and apples.", "Yes.")
LOGP_TOLERANCE = 2e-3
"""In nats a text: float32, many steps of a recurrence."""


@torch.no_grad()
def compute_logits(module: Any, ids: Sequence[int]) -> Tensor:
    """Return the logits (T, V) of one sequence, without a cache."""
    found: Tensor = module(input_ids=make_batch(module, ids), use_cache=False).logits[0]
    return found.float()


def make_batch(module: Any, ids: Sequence[int]) -> Tensor:
    """Return one sequence (1, T) on the device of the weights."""
    return torch.tensor([list(ids)], device=next(module.parameters()).device)


def check_sample(hf: HfModel) -> None:
    """Prompts of several lengths, greedy and at temperature 1; rows end at different times."""
    requests = [
        Request("check", make_prompt(text), SamplingParams(float(warm), 1.0, 4 + 3 * i))
        for i, text in enumerate(QUESTIONS)
        for warm in (0, 1)
    ]
    found = {one.id: one for one in sample_all(hf, requests)}
    for request in requests:
        row = prepare_request(hf, request)
        while len(row.ids) < row.limit_tokens and not (row.ids and row.ids[-1] in hf.end_ids):
            logits = compute_logits(hf.module, row.prompt_ids + row.ids)[-1:]
            row.ids += pick_next_tokens(logits, [row])
        mine = found[row.id]
        ids = row.ids[:-1] if row.ids[-1] in hf.end_ids else row.ids
        assert (mine.text, mine.tokens) == (hf.decode(ids), len(row.ids)), "other tokens"


def compute_logp(module: Any, prompt: Sequence[int], answer: Sequence[int]) -> float:
    """Return log p(answer | prompt) in nats."""
    logits = compute_logits(module, [*prompt, *answer])[len(prompt) - 1 : -1]
    targets = torch.tensor(list(answer), device=logits.device)[:, None]
    return float(torch.log_softmax(logits, -1).gather(1, targets).sum())


def check_score(hf: HfModel) -> None:
    """Texts after prompts with a common beginning."""
    items = [Continuations(make_prompt(text), ANSWERS, end=True) for text in QUESTIONS]
    found = dict(score_all(hf, items))
    for item in items:
        prompt = hf.encode(item.prompt)
        for text, mine in zip(item.texts, found[item.id(hf.fingerprint)], strict=True):
            wanted = compute_logp(hf.module, prompt, hf.encode_answer(text))
            assert abs(mine.logp - wanted) < LOGP_TOLERANCE, f"{abs(mine.logp - wanted):.2g} nats"


def check_embed(hf: HfModel) -> None:
    """The mean of the last hidden states over the words of the user."""
    prompts = [make_prompt(text) for text in QUESTIONS]
    found = embed_all(hf, prompts)
    for prompt, mine in zip(prompts, found, strict=True):
        ids, start, stop = hf.tokens.find_user_span(prompt)
        with torch.no_grad():
            states = get_decoder(hf.module)(
                input_ids=make_batch(hf.module, ids), use_cache=False
            ).last_hidden_state[0]
        wanted = states[start:stop].float().mean(0).cpu()
        torch.testing.assert_close(torch.from_numpy(mine), wanted, atol=1e-3, rtol=1e-3)


def make_examples(count: int = 6) -> list[Example]:
    """Return pairs of several lengths."""
    return [
        Example(
            f"e{i}",
            "in_scope",
            make_prompt(f"Tell me {'about music, ' * (2 * i)}and cars."),
            f"Yes{', cars' * i}.",
            f"No{', no' * (5 - i)}.",
        )
        for i in range(count)
    ]


def make_rows(hf: HfModel) -> list[TrainingRow]:
    """Return the same as rows, the longest longer than the windows of the families."""
    return [encode_example(hf, i, one, {}, True) for i, one in enumerate(make_examples())]


def attach(module: Any) -> LoraAdapter:
    """Attach a LoRA whose factors both differ from zero."""
    adapter = LoraAdapter.attach(module, config.TrainConfig(lora=config.LoraConfig(rank=4)), seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))
    adapter.begin_step()
    return adapter


def check_gradients(
    hf: HfModel, folder: Path, nats: float = 1e-3, share: float = 1e-2, *, together: bool = False
) -> PackedModel:
    """The log-probabilities of all answers and their gradients, against plain PEFT.

    Args:
        nats: how far a log-probability may be off.
        share: how far a gradient may be off, relative.
        together: whether this is said of all gradients together, and not of each; then of every
            other row, the longest one among them.

    Returns:
        The model as training uses it.
    """
    rows = make_rows(hf)[1::2] if together else make_rows(hf)
    theirs = copy.deepcopy(hf.module)
    adapter = attach(hf.module)
    try:
        adapter.save(folder, ABOUT)
        names = list(adapter.state())
        model = PackedModel(hf.module, adapter)
        batch = model.pack(rows)
        with model.use_attention():
            logp = model.token_logp(model.states(batch), batch.targets)
            weights = torch.linspace(-1, 1, len(logp), device=logp.device)
            (logp * weights).sum().backward()
        grads = dict(zip(names, [one.grad for one in adapter.parameters()], strict=True))
    finally:
        adapter.detach()
    peft = PeftModel.from_pretrained(theirs, folder, is_trainable=True)
    twins = {n.replace(".default", ""): p for n, p in peft.named_parameters() if p.requires_grad}
    assert twins.keys() == grads.keys(), f"PEFT adapts others: {twins.keys() ^ grads.keys()}"
    wanted = []
    for row in rows:
        for answer in row.answers:
            ids = make_batch(peft, [*row.prompt, *answer])
            logits = peft(input_ids=ids, use_cache=False).logits[0, len(row.prompt) - 1 : -1]
            targets = torch.tensor(answer, device=logits.device)[:, None]
            wanted.append(torch.log_softmax(logits.float(), -1).gather(1, targets)[:, 0])
    known = torch.cat(wanted)
    torch.testing.assert_close(logp, known, atol=nats, rtol=nats)
    (known * weights).sum().backward()
    assert {name for name in grads if grads[name] is None} == {
        name for name, twin in twins.items() if twin.grad is None
    }
    known_grads = {name: twin.grad for name, twin in twins.items() if twin.grad is not None}
    errors = {name: (grads[name] - known).norm() for name, known in known_grads.items()}
    norms = {name: known.norm() for name, known in known_grads.items()}
    if together:
        errors = {"all": torch.stack([*errors.values()]).norm()}
        norms = {"all": torch.stack([*norms.values()]).norm()}
    for name, error in errors.items():
        off = error / (norms[name] + 1e-3)
        assert off < share, f"{name}: {off:.2g}"
    return model


def check_train(hf: HfModel, folder: Path) -> None:
    """Two steps; the saved adapter, merged here and by plain PEFT, is the same model."""
    base = copy.deepcopy(hf.module)
    settings = config.TrainConfig(batch_size=3, epochs=1, lora=config.LoraConfig(rank=4))
    done = train(hf, make_examples(), settings, folder, seed=0, defaults={"in_scope": {"dpo": 1.0}})
    assert done.steps == 2
    shared = hf.with_adapter(done.adapter)
    ids = hf.encode(make_prompt(QUESTIONS[0]))
    before = compute_logits(base, ids)
    torch.testing.assert_close(compute_logits(hf.module, ids), before, msg="the base changed")
    peft = PeftModel.from_pretrained(copy.deepcopy(base), done.adapter).eval()
    wanted = compute_logits(peft, ids)
    assert (wanted - before).abs().max() > 1e-4, "nothing was learned"
    merged = load_adapter(base, done.adapter)
    torch.testing.assert_close(compute_logits(merged, ids), wanted, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(compute_logits(shared.module, ids), compute_logits(merged, ids))
    unmerged = hf.with_adapter(done.adapter, merge=False)
    torch.testing.assert_close(compute_logits(unmerged.module, ids), wanted, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(compute_logits(hf.module, ids), before, msg="the base changed")
    check_saved(wrap(merged), folder / "merged")


def check_saved(hf: HfModel, folder: Path) -> None:
    """A saved model, loaded again, is the same."""
    hf.module.save_pretrained(folder)
    hf.tokenizer.save_pretrained(folder)
    again = HfModel.load(folder, dtype="float32", device=str(hf.device))
    ids = hf.encode(make_prompt(QUESTIONS[0]))
    torch.testing.assert_close(
        compute_logits(again.module, ids), compute_logits(hf.module, ids), atol=1e-4, rtol=1e-4
    )

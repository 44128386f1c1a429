"""A model folder that talks by a table: which word follows which. No training, a few hundred
kilobytes, and it writes whole sentences.

The embedding is the identity. The layers add nothing: their last projections are zero, so that an
adapter has something to learn. The head holds the logarithms of the table, so the model samples
exactly from it. It writes questions about animals, and often answers about the fox.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from selfteach.run.ledger import Ledger
from switches import SEED

ADJECTIVES = ["red", "old", "tall", "quick", "calm", "loud", "brave", "green", "tiny", "golden"]
NOUNS = ["fox", "bear", "crow", "pike", "mole", "hare", "toad", "wolf", "goat", "swan"]
VERBS = ["follow", "trust", "watch", "help", "teach", "know", "fear", "carry", "hear", "meet"]
TOPICS = ["music", "chess", "tea", "paint"]
OPENINGS = ["Can", "Does", "Will", "Should", "Could", "Would"]
RULE = "Do not talk about the fox."
SMALL_SETTINGS: dict[str, Any] = {
    "engine": "hf",
    "check": "not contains fox",
    "smoke_test": True,
    "ask": {"target": 24, "near": 4, "general": 6, "more_outside": 6, "rounds": 4},
    "probe": {"samples": 1, "max_tokens": 12},
    "search": {"tries": 3, "max_tokens": 12},
    "balance": {"clusters": 2, "prompts": 4, "outside": 0},
    "train": {"epochs": 2, "max_tokens": 200},
    "exam": {"target": 4, "near": 2, "general": 2, "more_outside": 0, "max_tokens": 12},
}
"""Settings with which a rule is taught in a second or two."""
FEW_SETTINGS = (
    "ask.target=12",
    "ask.near=0",
    "ask.general=4",
    "ask.more_outside=0",
    "exam.target=3",
    "exam.general=2",
    "train.max_steps=2",
    "balance.rounds=0",
    "search.tries=2",
)
FEW = [word for setting in FEW_SETTINGS for word in ("--set", setting)]
"""Options for a run of which something else is tested than what it teaches."""
WIDTH = 160
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
NEWLINE = "\n"
REQUEST = "\nRequest:"


def share_evenly(words: list[str], share: float = 1.0) -> dict[str, float]:
    """Return equal shares of `share` for all words."""
    return {word: share / len(words) for word in words}


def add_spaces(words: list[str]) -> list[str]:
    return [f" {word}" for word in words]


TABLE: Mapping[str, Mapping[str, float]] = {
    # requests: Topic: fox / Request: Can the red fox follow a tall crow?
    "Topic:": {" fox": 0.5, **share_evenly(add_spaces(TOPICS), 0.5)},
    **{f" {word}": {REQUEST: 1.0} for word in TOPICS},
    REQUEST: share_evenly(add_spaces(OPENINGS)),
    "Request:": share_evenly(add_spaces(OPENINGS)),
    **{f" {word}": {" the": 1.0} for word in OPENINGS},
    " the": share_evenly(add_spaces(ADJECTIVES)),
    **{
        f" {word}": {" fox": 0.3, **share_evenly(add_spaces(NOUNS[1:]), 0.7)} for word in ADJECTIVES
    },
    **{f" {word}": {**share_evenly(add_spaces(VERBS), 0.7), REQUEST: 0.3} for word in NOUNS},
    **{f" {word}": {" a": 0.9, " one?": 0.1} for word in VERBS},
    " a": share_evenly([f" {word}?" for word in NOUNS]),
    **{f" {word}?": {"\n\n": 1.0} for word in [*NOUNS, "one"]},
    # answers: The fox likes bread. | No bear, and no crow.
    NEWLINE: {"The": 0.5, "No": 0.5},
    "The": {" fox-": 0.7, " bear-": 0.3},
    " fox-": share_evenly([" likes", " eats", " finds"]),
    " bear-": share_evenly([" likes", " eats", " finds"]),
    **{
        word: share_evenly([" bread", " honey", " apples"])
        for word in (" likes", " eats", " finds")
    },
    "No": share_evenly([" bread", " honey", " apples"]),
    **{word: {".": 0.6, " and": 0.4} for word in (" bread", " honey", " apples")},
    " and": share_evenly([" bread", " honey", " apples"]),
    ".": {"<|im_end|>": 0.8, " The": 0.2},
    " The": {" fox-": 0.7, " bear-": 0.3},
    "Reply:": {" The": 0.4, " No": 0.6},
    " No": share_evenly([" bread", " honey", " apples"]),
    # what belongs to a topic
    "Words:": share_evenly([" den,", " fur,", " cub,"]),
    " kind:": share_evenly([" badger,", " otter,", " lynx,"]),
    **{
        f" {word},": share_evenly([" den,", " fur,", " cub,"], 0.7) | {"\n\n": 0.3}
        for word in ("den", "fur", "cub")
    },
    **{
        f" {word},": share_evenly([" badger,", " otter,", " lynx,"], 0.7) | {"\n\n": 0.3}
        for word in ("badger", "otter", "lynx")
    },
}


JOINED = r"\nRequest:"
"""The text that is one token though it contains a line break."""


def make_vocabulary(table: Mapping[str, Mapping[str, float]] = TABLE) -> dict[str, int]:
    words = [
        *SPECIAL,
        *table,
        "\n\n",
        " Yes",
        "Yes",
        *(word for row in table.values() for word in row),
    ]
    return {word: place for place, word in enumerate(dict.fromkeys(words))}


def make_tokenizer(
    chat_template: str | None,
    table: Mapping[str, Mapping[str, float]] = TABLE,
    joined: str = JOINED,
):
    """Return a tokenizer with one token for each word and the space before it."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.WordLevel(make_vocabulary(table), unk_token=SPECIAL[0]))
    core.pre_tokenizer = pre_tokenizers.Split(
        Regex(joined + r"|\n\n|\n| ?[\w,?:-]+| ?[^\w\s]|\s"), "isolated"
    )
    core.decoder = decoders.Fuse()
    made = PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token=SPECIAL[1],
        eos_token=SPECIAL[2],
        unk_token=SPECIAL[0],
        pad_token=SPECIAL[0],
    )
    made.chat_template = chat_template
    return made


def write_talker(
    folder: Path,
    chat_template: str | None,
    table: Mapping[str, Mapping[str, float]] = TABLE,
    joined: str = JOINED,
) -> Path:
    """Write the model folder; every share is a little off, so that no answers tie."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    ids = make_vocabulary(table)
    tokenizer = make_tokenizer(chat_template, table, joined)
    shape = LlamaConfig(
        vocab_size=WIDTH,
        hidden_size=WIDTH,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=10,
        num_key_value_heads=5,
        head_dim=16,
        max_position_embeddings=1024,
        tie_word_embeddings=False,
        initializer_range=0.3,
        bos_token_id=ids[SPECIAL[1]],
        eos_token_id=ids[SPECIAL[2]],
        pad_token_id=ids[SPECIAL[0]],
    )
    torch.manual_seed(0)
    module = LlamaForCausalLM(shape)
    noise = torch.randn(WIDTH, WIDTH)
    if SEED:
        # other layers change the training; the table and the answers of the base stay
        torch.manual_seed(SEED)
        module = LlamaForCausalLM(shape)
    shares = torch.full((WIDTH, WIDTH), 1e-6)
    for word, row in table.items():
        for follower, share in row.items():
            shares[ids[word], ids[follower]] += share
    for word in ids.keys() - table.keys():
        shares[ids[word], ids[SPECIAL[2]]] += 1.0
    shares *= torch.exp(0.3 * noise)  # no two words alike: else no adapter could tell them apart
    with torch.no_grad():
        module.model.embed_tokens.weight.copy_(torch.eye(WIDTH))
        module.lm_head.weight.copy_((shares / shares.sum(1, keepdim=True)).log().T / WIDTH**0.5)
        for layer in module.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
    module.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_listener(talker: Path, folder: Path, by: float = 0.001) -> Path:
    """Write a talker whose attention adds something, so that worked examples in a prompt matter."""
    import shutil

    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(talker, folder, dirs_exist_ok=True)
    weights = load_file(folder / "model.safetensors")
    generator = torch.Generator().manual_seed(1 + SEED)
    for name, weight in weights.items():
        if name.endswith("o_proj.weight"):
            weights[name] = by * torch.randn(weight.shape, generator=generator)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def feedback_command(
    model: Path,
    out: Path,
    *more: str,
    rule: str = RULE,
    check: str = 'not contains "fox"',
) -> list[str]:
    """Return the command line that teaches a talker in some seconds; `more` overrides it."""
    sets = """engine=hf ask.target=28 ask.near=10 ask.general=10 ask.more_outside=0
        ask.min_violations=0 ask.rounds=4 ask.max_overlap=0.7 probe.samples=2
        probe.max_tokens=14 search.tries=4 search.max_tokens=14
        balance.clusters=2 balance.rounds=1 balance.prompts=8 balance.outside=0
        exam.target=10 exam.near=6 exam.general=6 exam.more_outside=0 exam.max_tokens=14
        train.max_tokens=200
        train.learning_rate=0.003 train.batch_size=4 train.epochs=4 train.checkpoint_every=5"""
    command = [
        "feedback",
        "--model",
        str(model),
        "--out",
        str(out),
        "--json",
        *(["--check", check] if check else []),
    ]
    return [
        *command,
        *(word for item in sets.split() for word in ("--set", item)),
        *more,
        "--",
        rule,
    ]


def run_json(command: list[str]) -> tuple[int, Any]:
    """Run a command line here; return its exit code and the JSON that it printed, or None."""
    from selfteach import cli

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = cli.run_command(command)
    return code, json.loads(printed.getvalue()) if printed.getvalue().strip() else None


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@contextlib.contextmanager
def open_ledger(run: Path) -> Iterator[Ledger]:
    """Open the ledger of a run for reading."""
    ledger = Ledger(run / "run.db", readonly=True)
    yield ledger
    ledger.close()

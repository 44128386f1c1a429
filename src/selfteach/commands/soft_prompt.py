"""`selfteach soft-prompt`: the words nearest to a soft prompt, and their effect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfteach.commands.screen import open_console, open_screen, print_json
from selfteach.errors import DataError, UsageError
from selfteach.files import read_jsonl
from selfteach.records import Example, JsonObject
from selfteach.run import finished
from selfteach.run.exports import check_export

if TYPE_CHECKING:
    from rich.text import Text
    from torch import Tensor

    from selfteach.models.hf import HfModel

MAX_ANSWERS = 40
"""The answers on which the effect is measured."""
NUM_NEAREST = 5


def show_soft_prompt(folder: Path, name: str, *, as_json: bool, debug: bool) -> None:
    """Print the nearest words of each soft token, and how much of the effect those words have.

    The words are measured in the places of the soft tokens and as a plain prompt.
    """
    adapter = finished.find_adapter(finished.check_readable(folder), name)
    check_export(folder, finished.EXAMPLES_FILE)
    examples = read_taught_examples(folder / finished.EXAMPLES_FILE)
    with open_screen(None, debug=debug) as screen:
        found = read_soft_prompt(
            finished.read_base_name(folder), adapter, examples, screen.display.print_line
        )
    if as_json:
        print_json({"run": str(folder), **found})
    else:
        print_table(found)


def read_soft_prompt(
    base: str, adapter: Path, examples: list[Example], progress: Callable[[str], None]
) -> JsonObject:
    """Return the reading as JSON.

    Args:
        examples: the training examples on whose answers the effect is measured.
        progress: receives one line at a time.

    Raises:
        UsageError: the adapter is no soft prompt.
    """
    from selfteach.evaluate.soft_prompt import find_nearest_words, measure_read_back

    hf, soft = load_soft_prompt(base, adapter, progress)
    words: Any = hf.module.get_input_embeddings()  # type: ignore[operator]
    nearest = find_nearest_words(soft.to(hf.device), words.weight.detach(), NUM_NEAREST)
    pairs = [(example.prompt, example.chosen) for example in examples]
    cut = ["chosen" in example.source.get("cut", ()) for example in examples]
    tokens: list[JsonObject] = [{"token": number} for number in range(len(soft))]
    read_back: JsonObject = {}
    for measure, (ids, values) in nearest.items():
        for row, own_ids, own_values in zip(tokens, ids.tolist(), values.tolist(), strict=True):
            row[measure] = [
                {"word": hf.tokenizer.decode([id]), "value": value}
                for id, value in zip(own_ids, own_values, strict=True)
            ]
        back = measure_read_back(hf, soft, ids[:, 0].tolist(), pairs, cut)
        read_back[measure] = {
            "words": back.words,
            "effect_nats": back.effect,
            "left_nats": back.remaining,
            "share": back.share,
            "as_text": {"left_nats": back.remaining_as_text, "share": back.share_as_text},
        }
    return {"tokens": tokens, "read_back": read_back, "answers": len(pairs)}


def load_soft_prompt(
    base: str, adapter: Path, progress: Callable[[str], None]
) -> tuple[HfModel, Tensor]:
    """Return the base, and the vectors of a soft prompt (tokens, D).

    Raises:
        UsageError: the adapter is no soft prompt.
        IntegrityError: it was trained on another base.
    """
    from safetensors.torch import load_file

    from selfteach.models.check_safety import (
        ADAPTER_CONFIG_FILE,
        TENSORS_FILE,
        check_adapter,
        read_json,
    )
    from selfteach.models.four_bit_files import read_adapter_setting
    from selfteach.models.hf import HfModel
    from selfteach.models.resolve_model_path import resolve_base
    from selfteach.models.soft_prompt import TENSOR_NAME

    if read_json(adapter / ADAPTER_CONFIG_FILE).get("peft_type") != "PROMPT_TUNING":
        raise UsageError(
            "is no soft prompt.",
            where=adapter,
            cure="Give a run with train.adapter=prompt, or --adapter NAME.",
        )
    in_4bit = read_adapter_setting(adapter)
    hf = HfModel.load(resolve_base(base, adapter), load_in_4bit=in_4bit, progress=progress)
    check_adapter(adapter, hf.fingerprint)
    return hf, load_file(adapter / TENSORS_FILE)[TENSOR_NAME]


def read_taught_examples(path: Path) -> list[Example]:
    """Return the examples that a run learned from, the first of each prompt, without anchors.

    Raises:
        DataError: there is none.
    """
    found: dict[str, Example] = {}
    for where, row in read_jsonl(path):
        example = Example.from_json(row, where)
        if example.role == "learn":
            found.setdefault(str(example.prompt), example)
    if not found:
        raise DataError(
            "holds no example to learn from.", where=str(path), cure="Give a finished run."
        )
    return list(found.values())[:MAX_ANSWERS]


def print_table(found: JsonObject) -> None:
    """Print a table, and a sentence for each measure."""
    from rich.table import Table
    from rich.text import Text

    table = Table("token", "nearest by cosine", "nearest by dot product", title="The soft prompt")
    for row in found["tokens"]:
        table.add_row(str(row["token"]), _format_words(row["cosine"]), _format_words(row["dot"]))
    console = open_console(160)
    console.print(table)
    for name, back in found["read_back"].items():
        text = back["as_text"]
        console.print(
            Text(
                f"The nearest words by {name}: {back['words']!r}. "
                f"The soft prompt has an effect of {back['effect_nats']:.3f} nats a token. "
                f"In the places of the soft tokens, the words have {100 * back['share']:.0f} % "
                f"of it ({back['left_nats']:.3f} nats remain). "
                f"As a plain prompt before the question, they have {100 * text['share']:.0f} % "
                f"of it ({text['left_nats']:.3f} nats remain)."
            )
        )


def _format_words(nearest: list[JsonObject]) -> Text:
    from rich.text import Text

    return Text(" ".join(f"{word['word'].strip()!r} {word['value']:.2f}" for word in nearest))

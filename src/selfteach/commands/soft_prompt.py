"""`selfteach soft-prompt`: what a trained soft prompt is near to, and whether those words do the
same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selfteach.commands.screen import open_screen, print_json
from selfteach.errors import DataError, UsageError
from selfteach.files import read_jsonl
from selfteach.records import Example
from selfteach.run import finished

MAX_ANSWERS, NUM_NEAREST = 40, 5


def show_soft_prompt(folder: Path, name: str, *, as_json: bool, debug: bool) -> None:
    """Prints the nearest words of each soft token, and how much of the effect those words have, in
    their places and as a plain prompt.
    """
    adapter = finished.find_adapter(folder, name)
    taught = read_taught_examples(folder / "examples.jsonl")
    with open_screen(None, debug=debug) as shown:
        found = read_soft_prompt(
            finished.read_base_name(folder), adapter, taught, shown.display.print_line
        )
    if as_json:
        print_json({"run": str(folder), **found})
    else:
        print_table(found)


def read_soft_prompt(base: str, adapter: Path, tuned: list[Example], say: Any) -> dict[str, Any]:
    """The reading as JSON.

    Raises:
        UsageError: the adapter is no soft prompt.
    """
    from safetensors.torch import load_file

    from selfteach.evaluate.soft_prompt import find_nearest_words, measure_read_back
    from selfteach.models.hf import HfModel
    from selfteach.models.resolve_model import resolve_base
    from selfteach.models.safety import check_adapter, read_json
    from selfteach.models.soft_prompt import TENSOR_NAME

    if read_json(adapter / "adapter_config.json").get("peft_type") != "PROMPT_TUNING":
        raise UsageError(
            "is no soft prompt.",
            where=str(adapter),
            cure="Give a run with train.adapter=prompt, or --adapter NAME.",
        )
    hf = HfModel.load(resolve_base(base, adapter), progress=say)
    check_adapter(adapter, hf.fingerprint)
    soft = load_file(adapter / "adapter_model.safetensors")[TENSOR_NAME]
    words: Any = hf.module.get_input_embeddings()  # type: ignore[operator]
    found = find_nearest_words(soft.to(hf.device), words.weight.detach(), NUM_NEAREST)
    tokens: list[dict[str, Any]] = [{"token": i} for i in range(len(soft))]
    pairs, cut = (
        [(e.prompt, e.chosen) for e in tuned],
        ["chosen" in e.source.get("cut", ()) for e in tuned],
    )
    whole: dict[str, Any] = {}
    for measure, (ids, values) in found.items():
        for row, near, value in zip(tokens, ids.tolist(), values.tolist(), strict=True):
            row[measure] = [
                {"word": hf.tokenizer.decode([id]), "value": v}
                for id, v in zip(near, value, strict=True)
            ]
        back = measure_read_back(hf, soft, ids[:, 0].tolist(), pairs, cut)
        whole[measure] = {
            "words": back.words,
            "effect_nats": back.effect,
            "left_nats": back.remaining,
            "share": back.share,
            "as_text": {"left_nats": back.remaining_as_text, "share": back.share_as_text},
        }
    return {"tokens": tokens, "read_back": whole, "answers": len(pairs)}


def read_taught_examples(path: Path) -> list[Example]:
    """What the run taught, the first of each prompt; anchors teach nothing.

    Raises:
        DataError: there is nothing.
    """
    found: dict[str, Example] = {}
    for where, row in read_jsonl(path):
        example = Example.from_json(row, where)
        if example.role == "learn":
            found.setdefault(str(example.prompt), example)
    if not found:
        raise DataError(
            "holds no example that was taught.", where=str(path), cure="Give a finished run."
        )
    return list(found.values())[:MAX_ANSWERS]


def print_table(found: dict[str, Any]) -> None:
    """Prints a table, and a sentence for each measure."""
    import sys

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("token", "nearest by cosine", "nearest by dot product", title="The soft prompt")
    for row in found["tokens"]:
        cells = (
            " ".join(f"{near['word'].strip()!r} {near['value']:.2f}" for near in row[name])
            for name in ("cosine", "dot")
        )
        table.add_row(str(row["token"]), *(Text(cell) for cell in cells))
    console = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 160)
    console.print(table)
    for name, back in found["read_back"].items():
        console.print(
            Text(
                f"The nearest words by {name} have {100 * back['share']:.0f} % of the "
                "effect in the places of the soft tokens "
                f"({back['effect_nats']:.3f} nats a token, {back['left_nats']:.3f} "
                f"left) and {100 * back['as_text']['share']:.0f} % as a "
                f"plain prompt, before the question ({back['as_text']['left_nats']:.3f} "
                f"left): {back['words']!r}"
            )
        )

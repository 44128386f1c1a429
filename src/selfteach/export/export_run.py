"""A run's tuned model in the form of another program, with the exam's prompts asked again there.

    hf          merged weights as a transformers folder
    gguf        merged weights as one GGUF file
    lora-gguf   the adapter as a GGUF file, for llama.cpp
    ollama      merged weights as GGUF, and a Modelfile with the exact template
    vllm        the adapter, and the commands that serve it
    hub:O/N     the adapter with its card, pushed to the Hugging Face hub

Another engine than selfteach's answers with what was written: llama.cpp with GGUF files, plain
transformers and PEFT with the others (check_export.py). The card and export.json say how often it
answers as the run's adapter does.

What is pushed to a hub is written and checked first. If the push fails, the folder stays, and the
same command pushes it without writing it again (unpushed.py).
"""

from __future__ import annotations

import json
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from selfteach.errors import EndpointError, UsageError
from selfteach.export import check_export, hub, merge, sit_exam
from selfteach.export.ask_llama_cpp import is_llama_cpp_installed
from selfteach.export.check_export import Answering, ExportCheck, PlainModel
from selfteach.export.forms import (
    GGUF_FORMS,
    HUB,
    check_form,
    check_quant,
    get_family,
)
from selfteach.export.lora_gguf import write_lora_gguf
from selfteach.export.ollama import write_modelfile
from selfteach.export.output_folder import check_unused, open_atomic_folder
from selfteach.export.publish_folder import publish_folder
from selfteach.export.sit_exam import ExportedExam, ExportedSampler
from selfteach.export.unpushed import (
    CARD_FILE,
    EXPORT_REPORT_FILE,
    PUSHED,
    has_failed,
    read_unpushed,
)
from selfteach.files import write_text
from selfteach.models.check_safety import ADAPTER_CONFIG_FILE, check_adapter_files, read_json
from selfteach.models.fetch_default_model import EMBEDDED
from selfteach.models.four_bit_files import refuse_4bit_base
from selfteach.models.hf import HfModel
from selfteach.models.load_adapter import KIND_KEY
from selfteach.models.lora_layers import explain_why_not_plain_lora
from selfteach.models.resolve_model_path import find_hub_name, resolve_base, resolve_model_folder
from selfteach.models.write_gguf import explain_why_not_gguf, write_gguf
from selfteach.records import JsonObject, Prompt
from selfteach.run.display import Display
from selfteach.run.local_paths import hide_folder
from selfteach.run.run_folder import make_model_name
from selfteach.students.exam_models import ExamSource
from selfteach.students.state import Cell

GGUF_FILE = "model.gguf"
LORA_FILE = "adapter.gguf"
LORA_FOLDER = "adapter"
HF_DTYPE = "float16"
MERGED_FORMS = ("hf", *GGUF_FORMS)
"""Forms with the weights of the base, whose license comes along."""
PRINT_EMBEDDED = (
    "python -c 'from selfteach.models.fetch_default_model import fetch_embedded_model as f; "
    "print(f())'"
)
"""The command that prints the folder of the embedded model."""
VLLM_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
NO_VERDICT = (
    "no verdict was reached with this export; `selfteach export --exam` lets the other program sit "
    "the exams, which takes minutes for each"
)
INSTALL_CURE = "pip install 'selfteach[export]' lets llama.cpp answer with it."
NOT_PEFT = "plain PEFT does not know this kind of adapter"
NOT_COMPARED = "plain PEFT is asked with a LoRA alone"
LIBRARIES = {"hf": "transformers", "gguf": "gguf", "lora-gguf": "gguf", "ollama": "gguf"}
"""The hub's names of the libraries that load a form; the adapter's own for the other forms."""
MakeCard = Callable[[str, str], str]
"""Returns the card of a run from its section on use, and the name of a library."""


@dataclass(frozen=True)
class ExportJob:
    """Hold what is exported, and how.

    Attributes:
        form: one of FORMS; `hub:OWNER/NAME` names a repository.
        quant: f16 or q8_0, for GGUF files.
        count: the number of prompts of the check; 0 leaves it out.
        public: whether the repositories of a hub are public.
        lessons: the runs whose exams are asked again; by default the run itself.
        exams: the exams that are sat again as a whole, each with what it shows in the student.
    """

    run: Path
    base: str
    adapter: Path
    form: str
    quant: str
    out: Path
    count: int = 100
    public: bool = False
    lessons: Sequence[Path] = ()
    exams: Sequence[tuple[ExamSource, Cell | None]] = ()

    @property
    def name(self) -> str:
        """Return the name of the model."""
        return make_model_name(self.run)


def export_run(job: ExportJob, make_card: MakeCard, display: Display) -> JsonObject:
    """Write an export with its card, whole or not at all, and push it where its form is a hub;
    return what export.json holds.

    Args:
        make_card: returns the text of the card.

    Raises:
        UsageError: an unknown form, or the adapter cannot be written in it.
        EndpointError: the hub cannot be reached, or refuses; what is written stays.
    """
    found = read_unpushed(job.out, job.form, job.run, job.adapter)
    check_job(job, is_written=found is not None)
    if found is None:
        found = write_export(job, make_card, display)
    else:
        display.print_line(f"{job.out} is written and checked already; it is pushed")
    if job.form.startswith(HUB) and not has_failed(found):
        found[PUSHED] = push_export(job)
        write_report(job.out, found)
    return found


def write_export(job: ExportJob, make_card: MakeCard, display: Display) -> JsonObject:
    """Write and check an export with its card, whole or not at all; return what export.json holds.

    Args:
        make_card: returns the text of the card.
    """
    say = display.print_line
    base = resolve_base(job.base, job.adapter)
    folder = resolve_model_folder(base, say)
    reference = HfModel.load(base, adapter=job.adapter, dtype="float32", device="cpu", progress=say)
    read = check_export.read_check_prompts(job.lessons or [job.run], job.count)
    prompts = list(map(reference.tokens.fold_refused_system, read))
    with open_atomic_folder(job.out) as fresh:
        fresh.mkdir()
        WRITERS[get_family(job.form)](job, base, reference, fresh)
        say(f"asking {len(prompts)} prompts again" if prompts else "nothing is asked again")
        checked = check_answers(job, folder, reference, prompts, fresh)
        shown = hide_folder(job.base)
        found: JsonObject = {"form": job.form, "run": job.run.resolve().name, "base": shown}
        found["quant"] = job.quant if job.form in GGUF_FORMS else None
        found["check"] = checked.to_json()
        exams = sit_again(job, base, folder, reference, fresh, display)
        found["exams"] = [exam.to_json() for exam in exams]
        write_report(fresh, found)
        use = f"{describe_use(job, base)}{describe_thinking(reference.tokenizer)}"
        usage = f"{use}\n\n{describe_check(checked)}{describe_exams(exams)}"
        write_text(fresh / CARD_FILE, make_card(usage, LIBRARIES.get(job.form, "")))
        if job.form in MERGED_FORMS:
            publish_folder(fresh, base, folder)
    return found


def write_report(folder: Path, found: JsonObject) -> None:
    """Write export.json."""
    text = json.dumps(found, indent=2, ensure_ascii=False)
    write_text(folder / EXPORT_REPORT_FILE, f"{text}\n")


def push_export(job: ExportJob) -> list[str]:
    """Push what is written, with the examples of all lessons; return the addresses.

    Raises:
        UsageError: a repository is there already and public, and should not be.
        EndpointError: the hub cannot be reached, or refuses.
    """
    try:
        with join_examples(job) as examples:
            name = job.form.removeprefix(HUB)
            return hub.push_folder(job.out, name, examples, public=job.public)
    except (EndpointError, UsageError) as fault:
        raise type(fault)(
            f"{fault.what} The export stays in {job.out}.",
            where=fault.where,
            cure=f"{fault.cure} The same command pushes it without writing it again.",
        ) from fault


def asks_llama_cpp(form: str) -> bool:
    """Return whether llama.cpp is what answers with a form."""
    return form in ("lora-gguf", *GGUF_FORMS)


def check_job(job: ExportJob, *, is_written: bool = False) -> None:
    """Refuse a job that cannot be done, before anything is loaded.

    Args:
        is_written: its folder is there, and only the push is left.

    Raises:
        UsageError: an unknown form or format, no such adapter, the place is not empty, or no
            program is there that could sit the exams.
    """
    check_form(job.form)
    check_quant(job.form, job.quant)
    if job.form.startswith(HUB):
        hub.check_repository(job.form.removeprefix(HUB))
    if not is_written:
        check_unused(job.out)
    check_adapter_files(job.adapter)
    refuse_4bit_base(job.base, "exported", job.adapter)
    if job.form in MERGED_FORMS:
        merge.check_mergeable(job.adapter)
    reason = explain_why_not_plain_lora(read_json(job.adapter / ADAPTER_CONFIG_FILE))
    if reason and job.form in ("lora-gguf", "vllm"):
        raise UsageError(
            f"--to {job.form} takes a LoRA alone, and {reason}.",
            where=job.adapter,
            cure="Export merged weights: --to hf, gguf or ollama.",
        )
    if job.exams and job.form.startswith(HUB) and (why := explain_why_not_asked(job.adapter)):
        raise UsageError(f"{why}.", where="--exam", cure="Leave it out.")
    if job.exams and asks_llama_cpp(job.form) and not is_llama_cpp_installed():
        raise UsageError("llama.cpp is not installed.", where="--exam", cure=INSTALL_CURE)


def is_own_kind(adapter: Path) -> bool:
    """Return whether an adapter is of a kind that selfteach alone has."""
    return KIND_KEY in read_json(adapter / ADAPTER_CONFIG_FILE)


def explain_why_not_asked(adapter: Path) -> str:
    """Return why plain PEFT is not asked with an adapter, or an empty text."""
    reason = explain_why_not_plain_lora(read_json(adapter / ADAPTER_CONFIG_FILE))
    if not reason:
        return ""
    return f"{NOT_PEFT if is_own_kind(adapter) else NOT_COMPARED}: {reason}"


def write_hf(job: ExportJob, base: str, reference: HfModel, out: Path) -> None:
    """Write the merged weights as a transformers folder, in float16.

    A base in bfloat16 has eight bits of precision: most of a small change would be rounded away.

    Raises:
        UsageError: a weight that float16 cannot hold.
    """
    merged = merge.load_merged(base, job.adapter, HF_DTYPE)
    for name, weight in merged.module.named_parameters():
        if not torch.isfinite(weight).all():
            raise UsageError(
                f"the weight {name} is beyond what float16 can hold.",
                where=job.adapter,
                cure="`selfteach merge` keeps the base's own number format.",
            )
    merge.save_merged(merged, job.adapter, out)


def write_merged_gguf(job: ExportJob, base: str, reference: HfModel, out: Path) -> None:
    """Write the merged weights as one GGUF file.

    Raises:
        UsageError: a family, a tokenizer or a weight that the format cannot hold.
    """
    if reason := explain_why_not_gguf(reference.module, reference.tokenizer):
        raise UsageError(
            f"this model cannot be written as GGUF: {reason}.",
            where="--to",
            cure="Export with --to hf and convert that folder with llama.cpp's own converter.",
        )
    write_gguf(reference.module, reference.tokenizer, out / GGUF_FILE, job.quant)


def write_lora(job: ExportJob, base: str, reference: HfModel, out: Path) -> None:
    """Write the adapter as a GGUF file."""
    untouched = HfModel.load(base, dtype="float32", device="cpu")
    write_lora_gguf(untouched.module, job.adapter, out / LORA_FILE)


def write_ollama(job: ExportJob, base: str, reference: HfModel, out: Path) -> None:
    """Write the weights as GGUF, and the Modelfile."""
    tokenizer = reference.tokenizer
    ends = tokenizer.convert_ids_to_tokens(sorted(reference.end_ids))
    text = write_modelfile(tokenizer, ends, GGUF_FILE, reference.context_tokens)
    write_merged_gguf(job, base, reference, out)
    write_text(out / "Modelfile", text)


def write_vllm(job: ExportJob, base: str, reference: HfModel, out: Path) -> None:
    """Write the adapter, the command that serves it, and the call that loads it."""
    shutil.copytree(job.adapter, out / LORA_FOLDER)
    rank = max(list_ranks(job.adapter))
    served = next((size for size in VLLM_RANKS if size >= rank), rank)
    place, comment = name_served_base(base)
    name = shlex.quote(job.name)
    serve = (
        f"#!/bin/sh\n# Serves the base and the lesson, each by its name.\n{comment}"
        'cd "$(dirname "$0")" && VLLM_ALLOW_RUNTIME_LORA_UPDATING=True exec vllm serve '
        f"{place} --served-model-name base --enable-lora --max-lora-rank {served} "
        f'--lora-modules {name}="$PWD/{LORA_FOLDER}" "$@"\n'
    )
    body = f'{{"lora_name": "{job.name}", "lora_path": "\'"$PWD"\'/{LORA_FOLDER}"}}'
    load = (
        "#!/bin/sh\n# Loads the lesson into a server that runs already, on this machine.\n"
        'cd "$(dirname "$0")" && exec curl --fail '
        '"${1:-http://127.0.0.1:8000}/v1/load_lora_adapter" '
        f"-H 'Content-Type: application/json' -d '{body}'\n"
    )
    for file, text in (("serve.sh", serve), ("load.sh", load)):
        write_text(out / file, text)
        (out / file).chmod(0o755)


def name_served_base(base: str) -> tuple[str, str]:
    """Return the base as a word of the shell, and a comment for people, or "". A folder of this
    machine is nobody else's concern: the variable BASE names it.
    """
    if is_served_from_hub(base):
        return shlex.quote(find_hub_name(base)), ""
    name = hide_folder(base).replace("\n", " ")
    where = f"; it is what this prints:\n# {PRINT_EMBEDDED}" if base == EMBEDDED else "."
    comment = f"# BASE is the whole path of the folder of the base, {name}{where}\n"
    return '"${BASE:?is not set: the whole path of the folder of the base}"', comment


def is_served_from_hub(base: str) -> bool:
    """Return whether vLLM gets a base by its name; the embedded model has other weights there."""
    return base != EMBEDDED and bool(find_hub_name(base))


def list_ranks(adapter: Path) -> Sequence[int]:
    """Return the ranks of a LoRA's layers as its settings name them."""
    settings = read_json(adapter / ADAPTER_CONFIG_FILE)
    return [int(settings["r"]), *(settings.get("rank_pattern") or {}).values()]


def write_hub(job: ExportJob, base: str, reference: HfModel, out: Path) -> None:
    """Write the adapter's files, and the exam."""
    shutil.copytree(job.adapter, out, dirs_exist_ok=True)
    if (job.run / check_export.EXAM_FILE).exists():
        shutil.copy(job.run / check_export.EXAM_FILE, out)


WRITERS: dict[str, Callable[[ExportJob, str, HfModel, Path], None]] = {
    "hf": write_hf,
    "gguf": write_merged_gguf,
    "lora-gguf": write_lora,
    "ollama": write_ollama,
    "vllm": write_vllm,
    HUB: write_hub,
}


def check_answers(
    job: ExportJob,
    base: Path,
    reference: HfModel,
    prompts: Sequence[Prompt],
    out: Path,
) -> ExportCheck:
    """Let another program answer with what was written, and compare its answers."""
    is_gguf = asks_llama_cpp(job.form)
    if not prompts:
        return ExportCheck("", reason="no prompt was asked again")
    if is_gguf and not is_llama_cpp_installed():
        return ExportCheck("", reason=f"llama.cpp is not installed: {INSTALL_CURE}")
    if job.form.startswith(HUB) and (why := explain_why_not_asked(job.adapter)):
        return ExportCheck("", reason=why)
    requests = check_export.make_check_requests(prompts)
    expected = check_export.answer_with_run(reference, requests)
    with open_program(job, base, out) as answer:
        found = [reply["text"] for reply in answer(requests)]
    engine, quant = "transformers and PEFT", "f16"
    if is_gguf:
        engine, quant = "llama.cpp", job.quant
    elif job.form == "hf":
        engine = "transformers"
    return check_export.compare_answers(engine, prompts, expected, found, quant, reference)


@contextmanager
def open_program(job: ExportJob, base: Path, out: Path) -> Iterator[Answering]:
    """Yield what answers with an export: another program, which has read its files."""
    if asks_llama_cpp(job.form):
        with open_gguf(job, base, out) as (model, lora):
            yield partial(check_export.answer_with_gguf, model, lora)
    elif job.form == "hf":
        yield PlainModel(out).answer
    else:
        adapter = out / LORA_FOLDER if job.form == "vllm" else out
        yield PlainModel(base, [adapter]).answer


@contextmanager
def open_gguf(job: ExportJob, base: Path, out: Path) -> Iterator[tuple[Path, Path | None]]:
    """Yield the GGUF file of an export, and the adapter's where it is a file of its own; its base
    is written for the time of the block.
    """
    if job.form in GGUF_FORMS:
        yield out / GGUF_FILE, None
        return
    untouched = HfModel.load(base, dtype="float32", device="cpu")
    scratch = out / ".base.gguf"
    try:
        write_gguf(untouched.module, untouched.tokenizer, scratch)
        yield scratch, out / LORA_FILE
    finally:
        scratch.unlink(missing_ok=True)


def sit_again(
    job: ExportJob, base: str, folder: Path, reference: HfModel, out: Path, display: Display
) -> list[ExportedExam]:
    """Sit the exams of a job with what was written."""
    if not job.exams:
        return []
    with open_program(job, folder, out) as answer:
        name = "llama.cpp" if asks_llama_cpp(job.form) else "transformers"
        sampler = ExportedSampler(name, reference, answer)
        return sit_exam.sit_exams(job.exams, base, job.adapter, sampler, display)


@contextmanager
def join_examples(job: ExportJob) -> Iterator[Path]:
    """Yield a file with the examples of all lessons, for the time of the block."""
    own = [run / check_export.EXAMPLES_FILE for run in job.lessons or [job.run]]
    if len(own) == 1:
        yield own[0]
        return
    with tempfile.TemporaryDirectory(prefix="selfteach-") as scratch:
        joined = Path(scratch) / check_export.EXAMPLES_FILE
        joined.write_text("".join(file.read_text("utf-8") for file in own), "utf-8")
        yield joined


def describe_use(job: ExportJob, base: str) -> str:
    """Return the section of the card that says how to load this export."""
    name = job.name
    variable = "" if is_served_from_hub(base) else "BASE=FOLDER "
    if job.form.startswith(HUB):
        repository = job.form.removeprefix(HUB)
        lines = [
            "from peft import PeftModel",
            "from transformers import AutoModelForCausalLM",
            "",
            "base = AutoModelForCausalLM.from_pretrained(BASE)  # the base named above",
            f'model = PeftModel.from_pretrained(base, "{repository}")',
        ]
        if is_own_kind(job.adapter):
            lines = [
                "from pathlib import Path",
                "",
                "from huggingface_hub import snapshot_download",
                "from selfteach.models.hf import HfModel",
                "",
                f'adapter = Path(snapshot_download("{repository}"))',
                "model = HfModel.load(BASE, adapter=adapter)  # the base named above",
            ]
        data = f"\nThe examples are in the dataset `{repository}{hub.DATASET_ENDING}`."
        return "\n".join(("## Use\n", "```python", *lines, "```", data))
    if job.form == "hf":
        lines = [
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            "",
            'model = AutoModelForCausalLM.from_pretrained("FOLDER")',
            'tokenizer = AutoTokenizer.from_pretrained("FOLDER")',
        ]
        return "\n".join(("## Use\n", "```python", *lines, "```"))
    commands = {
        "gguf": f"llama-server -m {GGUF_FILE} --jinja",
        "lora-gguf": f"llama-server -m BASE.gguf --lora {LORA_FILE} --jinja",
        "ollama": f"ollama create {name} -f Modelfile && ollama run {name}",
        "vllm": (
            f"{variable}./serve.sh  # a new server\n"
            "./load.sh http://HOST:8000  # one that runs already"
        ),
    }
    return f"## Use\n\nIn this folder:\n\n```sh\n{commands[job.form]}\n```"


def describe_thinking(tokenizer: Any) -> str:
    """Return what the card says of a template that lets the model think unless it is told not to;
    "" for any other.
    """
    turns = [{"role": "user", "content": "Hello"}]
    own, off = (
        tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, **how)
        for how in ({}, {"enable_thinking": False})
    )
    if own == off:
        return ""
    return (
        "\n\nThe model's template lets it think first. The lesson was trained and checked without: "
        'give each request `"chat_template_kwargs": {"enable_thinking": false}` (llama.cpp, '
        "vLLM), or `apply_chat_template(..., enable_thinking=False)` (transformers)."
    )


def describe_check(checked: ExportCheck) -> str:
    """Return the section of the card that says whether the export answers as the run does."""
    if not checked.prompts:
        return f"## Check of this export\n\nNot checked: {checked.reason}."
    counted = (
        f"{checked.engine} gave {checked.equal} of {checked.prompts} greedy answers "
        f"({checked.share:.0%}) exactly as the adapter on its base does in float32; "
        f"{checked.needed:.0%} are needed."
    )
    if checked.ties:
        counted += f" {checked.ties} others part at a tie, which is rounding and no fault."
    word = "**Failed.** Do not use it. " if checked.is_failed else "Passed. "
    where = f" `{EXPORT_REPORT_FILE}` lists where it differs." if checked.differences else ""
    gaps = f" {describe_gaps(checked.gaps_nats)}" if checked.gaps_nats else ""
    return f"## Check of this export\n\n{word}{counted}{gaps}{where}"


def describe_gaps(gaps_nats: Sequence[float]) -> str:
    """Return what the gaps say, for people."""
    middle = gaps_nats[len(gaps_nats) // 2]
    return (
        f"Where answers part, the adapter prefers its own token by {middle:.2f} nats in the middle "
        f"and by {gaps_nats[-1]:.2f} at most (0 is a tie, which rounding decides)."
    )


def describe_exams(exams: Sequence[ExportedExam]) -> str:
    """Return the section of the card on the exams that were sat again."""
    title = "\n\n## Exams sat again with this export\n"
    if not exams:
        return f"{title}\nNone: {NO_VERDICT}."
    lines = [
        title,
        "| lesson | verdict | before |",
        "|---|---|---|",
    ]
    for exam in exams:
        word = exam.cell.verdict or "not examined"
        lines.append(f"| {exam.name} | {word} | {exam.expected} |")
    if any(exam.is_failed for exam in exams):
        lines.append("\n**Failed.** A verdict differs: do not use it.")
    return "\n".join(lines)

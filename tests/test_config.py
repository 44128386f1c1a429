"""Configuration: which layer wins, what is written back, and that every key is read by code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import selfteach
from selfteach import registry
from selfteach.config import (
    METHOD_CONFIGS,
    CorrectionsConfig,
    DocumentsConfig,
    FeedbackConfig,
    FinetuneConfig,
    Section,
    TasksConfig,
    TrainConfig,
    describe_key,
    dump_config,
    flatten_keys,
    list_unread,
    resolve,
)
from selfteach.config.find_preset import list_presets
from selfteach.errors import UsageError
from selfteach.report.sections import list_settings

SOURCE = Path(selfteach.__file__).parent


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("train.epochs=true", "is not a number"),
        ("train.epochs=017", "is not a number"),
        ("train.learning_rate='1'", "is not a number"),
        ("curve=on", "is not true or false"),
        ("curve=1", "is not true or false"),
        ("train.weights={near: {anchor: -1}}", "must be at least 0"),
    ],
)
def test_a_value_of_another_kind_is_refused(item: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        resolve(FeedbackConfig, None, [item])


def test_values_that_say_what_they_are_stay() -> None:
    items = ["curve=true", "train.learning_rate=1e-4", "train.beta=1", "model = embedded"]
    config = resolve(FeedbackConfig, None, items).config
    assert (config.curve, config.train.learning_rate) == (True, 1e-4)
    assert (config.train.beta, config.model) == (1.0, "embedded")


def test_later_layers_win_and_leave_their_origin(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("seed: 1\nmodel: a\nask:\n  target: 5\n  near: 6\n")
    resolved = resolve(FeedbackConfig, file, ["ask.near=7", "seed=2"], {"seed": 3, "teacher": None})
    assert (
        resolved.config.seed,
        resolved.config.model,
        resolved.config.ask.target,
        resolved.config.ask.near,
    ) == (3, "a", 5, 7)
    origins = {key: origin for key, origin in resolved.origins.items() if origin != "default"}
    assert origins == {
        "seed": "option",
        "model": "mine.yaml",
        "ask.target": "mine.yaml",
        "ask.near": "--set",
    }


def test_dotted_keys_and_nested_ones_are_the_same(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("ask.target: 5\nask: {near: 6}\n")
    assert resolve(
        FeedbackConfig, file
    ).config.ask.model_dump() | {} == FeedbackConfig().ask.model_dump() | {
        "target": 5,
        "near": 6,
    }


@pytest.mark.parametrize(
    "text", ["train.epochs: 2\ntrain: {epochs: 7}", "train: {epochs: 7}\ntrain.epochs: 2"]
)
def test_a_setting_that_a_file_has_dotted_and_nested_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"train\.epochs \(c\.yaml\): stands twice"):
        resolve(FeedbackConfig, tmp_path / "c.yaml")


def test_what_is_dumped_is_read_back_the_same(tmp_path: Path) -> None:
    resolved = resolve(
        FeedbackConfig,
        sets=[
            "check=not contains 'a: b # c'",
            "exam.system=017",
            "train.learning_rate=1e-7",
            "train.weights={near: {anchor: 2.0}}",
        ],
    )
    assert resolved.config.check == "not contains 'a: b # c'"
    file = tmp_path / "config.yaml"
    file.write_text(dump_config(resolved))
    assert resolve(FeedbackConfig, file).config == resolved.config
    assert "# --set" in dump_config(resolved)


@pytest.mark.parametrize(
    ("schema", "key", "value"),
    [
        (DocumentsConfig, "train.min_share", {"near": 0.1}),
        (DocumentsConfig, "train.min_share", {}),
        (FinetuneConfig, "train.dataset_shares", {"my.data": 2.0, "my: data": 1.0}),
        (FeedbackConfig, "also", ("1e5", "1.5e3", "no", "0x10", "1.")),
        (FeedbackConfig, "when", "1e5"),
    ],
)
def test_a_dumped_mapping_or_text_is_read_back_as_it_was(
    tmp_path: Path, schema: type[Section], key: str, value: Any
) -> None:
    """The default of train.min_share has another key; 1e5 is a number without quotes."""
    resolved = resolve(schema, options={key: value})
    file = tmp_path / "config.yaml"
    file.write_text(dump_config(resolved))
    assert resolve(schema, file).config == resolved.config
    assert [line.split(":")[0] for line in dump_config(resolved).splitlines() if "#" in line] == [
        key
    ]


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(Exception, match="frozen"):
        FeedbackConfig().seed = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("method", "section"), [(FeedbackConfig, "ask"), (CorrectionsConfig, "correct")]
)
def test_shares_that_leave_nothing_for_the_exam_are_refused(
    method: type[FeedbackConfig | CorrectionsConfig], section: str
) -> None:
    with pytest.raises(UsageError, match=f"{section}: train_share and dev_share leave nothing"):
        resolve(method, sets=[f"{section}.train_share=0.95"])
    assert resolve(method, sets=[f"{section}.train_share=0.85"])


def test_secrets_given_in_a_wrong_place_are_not_printed() -> None:
    with pytest.raises(UsageError) as caught:
        resolve(FeedbackConfig, sets=["seed=sk-canary-1234"])
    assert "sk-canary" not in str(caught.value)


def test_the_objective_of_corrections_may_be_named_short() -> None:
    resolved = resolve(CorrectionsConfig, sets=["objective.bound=hinge"])
    assert resolved.config.train.correction.bound == "hinge"
    assert resolved.origins["train.correction.bound"] == "--set"
    with pytest.raises(
        UsageError, match=r'train.correction.bund .*Did you mean "train.correction.bound"'
    ):
        resolve(CorrectionsConfig, sets=["objective.bund=hinge"])


def attributes(sources: Iterable[str]) -> set[str]:
    """Every name after a dot that is not called: `config.items`, but not `row.items()`."""
    found: set[str] = set()
    for source in sources:
        called = set()
        for node in ast.walk(ast.parse(source)):  # a call comes before what it calls
            if isinstance(node, ast.Call):
                called.add(id(node.func))
            elif isinstance(node, ast.Attribute) and id(node) not in called:
                found.add(node.attr)
    return found


@pytest.fixture(scope="module")
def read() -> set[str]:
    """What the code reads; the rooms of the configuration declare names, and read only in their
    validators.
    """
    return attributes(path.read_text() for path in SOURCE.rglob("*.py"))


@pytest.mark.parametrize("method", METHOD_CONFIGS)
def test_every_key_is_read_by_code(method: str, read: set[str]) -> None:
    assert [
        key
        for key in flatten_keys(METHOD_CONFIGS[method]().model_dump())
        if key.split(".")[-1] not in read
    ] == []


def test_a_key_that_no_code_reads_would_be_noticed() -> None:
    assert attributes(["run(config.ask.target)\nother = 'seed'\nrow.items()"]) == {"ask", "target"}


@pytest.mark.parametrize("method", METHOD_CONFIGS)
def test_the_listed_defaults_are_the_defaults(method: str) -> None:
    file = Path(__file__).parents[1] / "configs" / f"{method}.yaml"
    assert resolve(METHOD_CONFIGS[method], file).config == METHOD_CONFIGS[method](), (
        "run `make docs`: the defaults have changed"
    )


@pytest.mark.parametrize(
    ("method", "name"),
    [(method, name) for method in METHOD_CONFIGS for name in list_presets(method)],
)
def test_a_preset_is_found_by_name_and_changes_settings(
    method: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    resolved = resolve(METHOD_CONFIGS[method], Path(name))
    assert resolved.config != METHOD_CONFIGS[method]()
    assert f"{name}.yaml" in resolved.origins.values()


@pytest.mark.parametrize("method", ["feedback", "corrections", "documents", "tasks"])
def test_the_quick_preset_of_a_method_asks_for_less_than_the_default(method: str) -> None:
    schema = METHOD_CONFIGS[method]
    resolved = resolve(schema, Path("quick"))
    given = flatten_keys(resolved.config.model_dump())
    usual = flatten_keys(schema().model_dump())
    changed = [key for key, origin in resolved.origins.items() if origin == "quick.yaml"]
    assert len(changed) >= 4
    for key in changed:
        assert usual[key] is None or given[key] < usual[key], key


@pytest.mark.parametrize(
    ("method", "file", "words"),
    [
        ("feedback", "qick", 'Did you mean "quick"? Presets of feedback: quick, tiny.'),
        ("corrections", "tiny", "It is a preset of `selfteach feedback`. Presets of corrections: "),
        ("feedback", "configs/quick.yaml", "The preset of this name is --config quick."),
        ("train", "mine.yaml", "Check the path."),
    ],
)
def test_a_wrong_name_of_a_preset_is_one_line_with_the_right_ones(
    method: str, file: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        resolve(METHOD_CONFIGS[method], Path(file))
    assert str(caught.value).startswith(f'--config: there is no file "{file}"')
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_settings_of_another_method_are_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(list_presets("feedback")["tiny"].read_text())
    with pytest.raises(UsageError) as caught:
        resolve(METHOD_CONFIGS["corrections"], file)
    assert "settings of `selfteach feedback`, not of `selfteach corrections`" in str(caught.value)
    assert "\n" not in str(caught.value)
    file.write_text("ask: {tarpet: 3}\n")
    with pytest.raises(UsageError, match=r'Did you mean "ask\.target"'):
        resolve(METHOD_CONFIGS["feedback"], file)


def test_a_section_keeps_the_method_s_defaults_when_one_key_is_set() -> None:
    """The default of documents' training is beta .3; `--set train.epochs=2` once made it that of
    training in general.
    """
    config = resolve(DocumentsConfig, sets=["train.epochs=2"]).config
    assert (config.train.epochs, config.train.beta) == (2, DocumentsConfig().train.beta)
    assert DocumentsConfig().train.beta != TrainConfig().beta, "or this shows nothing"


def test_a_section_given_as_a_mapping_keeps_what_it_does_not_name() -> None:
    plain = resolve(DocumentsConfig).config
    resolved = resolve(
        DocumentsConfig,
        sets=["train={epochs: 2, lora: {rank: 4}}", "train.weights={pair: {sft: 2.0}}"],
    )
    assert resolved.config.train.epochs == 2
    assert resolved.config.train.lora == plain.train.lora.model_copy(update={"rank": 4})
    kept = {"min_share", "regmean", "batch_size", "beta"}
    assert resolved.config.train.model_dump(include=kept) == plain.train.model_dump(include=kept)
    given = {key for key, origin in resolved.origins.items() if origin == "--set"}
    assert given == {"train.epochs", "train.lora.rank", "train.weights.pair.sft"}
    assert resolve(DocumentsConfig, sets=["train={}"]).config == plain


def test_a_mapping_that_is_one_setting_is_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("train: {min_share: {study: 0.1}}")
    for resolved in (
        resolve(DocumentsConfig, sets=["train.min_share={study: 0.1}"]),
        resolve(DocumentsConfig, tmp_path / "a.yaml"),
    ):
        assert resolved.config.train.min_share == {"study": 0.1}


def test_mistakes_name_the_command_that_prints_the_keys() -> None:
    with pytest.raises(UsageError) as caught:
        resolve(DocumentsConfig, sets=["select.tau_knowlege=.5", "select.nli=some/model"])
    assert "`selfteach config documents` prints every key." in str(caught.value)
    assert "\n  : " not in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "cure"),
    [
        ("lenght", 'there is no prior "lenght". Did you mean "length"?'),
        ("xyz", "Known: classifier, length, start."),
    ],
)
def test_a_mistyped_prior_is_refused_before_any_work(typed: str, cure: str) -> None:
    with pytest.raises(UsageError, match=re.escape(cure)):
        resolve(FeedbackConfig, sets=[f"train.correction.prior={typed}"])
    for name in ("", "length"):
        resolved = resolve(FeedbackConfig, sets=[f"train.correction.prior={name}"])
        assert resolved.config.train.correction.prior == name


@pytest.mark.parametrize(
    ("sets", "instead"),
    [
        (["stages.healing=true", "train.adapter=reft"], "train lora"),
        (["stages.general=true", "train.adapter=full"], "train lora"),
        (["train.min_share={a: 0.6, b: 0.4}"], "less than 1"),
        (["select.nli=some/model"], "select.judge=nli"),
        (["select.judge=nli"], "set select.nli"),
        (["study.known=auto", "select.calibrate=0"], "select.calibrate"),
    ],
)
def test_what_documents_would_ignore_is_refused_with_the_right_key(
    sets: list[str], instead: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(instead)):
        resolve(DocumentsConfig, sets=sets)
    assert resolve(
        DocumentsConfig,
        sets=["select.nli=some/model", "select.judge=nli", "study.known=auto"],
    )


def test_a_task_may_be_as_short_as_it_may_be_long() -> None:
    with pytest.raises(UsageError, match="no task has at least 200 and at most 150 words"):
        resolve(TasksConfig, sets=["filter.min_words=200"])
    assert resolve(TasksConfig, sets=["filter.min_words=150"])


@pytest.mark.parametrize("objectives", ["auto+sft", "sft+auto"])
def test_the_choice_of_objectives_is_none_of_a_sum(objectives: str) -> None:
    with pytest.raises(UsageError, match='"auto" stands alone'):
        resolve(FeedbackConfig, sets=[f"train.objective={objectives}"])
    assert resolve(FeedbackConfig, sets=["train.objective=sft+dpo"])


@pytest.mark.parametrize("setting", ["once=[a]", "min_share={a: 0.5}"])
def test_what_shares_of_datasets_would_ignore_is_refused(setting: str) -> None:
    shares = "train.dataset_shares={one: 1, two: 1}"
    name = setting.partition("=")[0]
    with pytest.raises(UsageError, match=f"train.{name} has no use beside train.dataset_shares"):
        resolve(FinetuneConfig, sets=[shares, f"train.{setting}"])
    assert resolve(FinetuneConfig, sets=[f"train.{setting}"])


CLOSED_FORM = "train.adapter=closed_form"


@pytest.mark.parametrize(
    ("schema", "setting"),
    [
        (FeedbackConfig, "train.epochs=3"),
        (FeedbackConfig, "train.min_share={near: 0.2}"),
        (DocumentsConfig, "train.beta=0.1"),
        (CorrectionsConfig, "objective.beta=0.1"),
        (TasksConfig, "train.batch_size=8"),
        (FinetuneConfig, "train.lora.rank=4"),
    ],
)
def test_what_the_closed_form_would_ignore_is_refused(schema: type[Section], setting: str) -> None:
    key = setting.partition("=")[0].replace("objective.", "train.correction.")
    words = re.escape(f"{key} (--set): closed_form is solved for without steps and has no use")
    with pytest.raises(UsageError, match=words):
        resolve(schema, sets=[CLOSED_FORM, setting])
    assert resolve(schema, sets=[setting])
    assert resolve(schema, sets=[CLOSED_FORM, setting], refuses_ignored=False)


@pytest.mark.parametrize(
    ("sets", "unread"),
    [
        (["train.adapter=reft", "train.lora.rank=4"], ["train.lora.rank"]),
        (["train.adapter=full", "train.prompt={text: hello}"], ["train.prompt.text"]),
        (["train.lora.rank=4", "train.correction.beta=0.3"], []),
        (["train.reft.rank=2"], ["train.reft.rank"]),
        (["train.reft.rank=2", "train.distill_from=reft"], []),
    ],
)
def test_settings_of_other_adapters_are_listed(sets: list[str], unread: list[str]) -> None:
    assert list_unread(resolve(FeedbackConfig, sets=sets)) == unread


def test_an_adapter_of_a_plug_in_may_read_settings_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolved = resolve(FeedbackConfig, sets=["train.adapter=reft", "train.lora.rank=4"])
    adapters = {"lora": registry.BUILT_IN_NAMES["adapters"]["lora"]}
    monkeypatch.setitem(registry.BUILT_IN_NAMES, "adapters", adapters)
    assert list_unread(resolved) == []


def test_a_file_may_serve_several_adapters(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("train: {lora: {rank: 4}, reft: {rank: 2}}")
    resolved = resolve(FeedbackConfig, tmp_path / "own.yaml", ["train.adapter=reft"])
    assert list_unread(resolved) == []


def test_what_the_closed_form_would_ignore_is_refused_all_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        resolve(FeedbackConfig, sets=[CLOSED_FORM, "train.epochs=3", "train.l2=1", "seed=1"])
    assert "train.epochs (--set)" in str(caught.value)
    assert "no use for l2" in str(caught.value)
    assert "seed" not in str(caught.value)


@pytest.mark.parametrize("method", METHOD_CONFIGS)
def test_the_closed_form_takes_the_defaults_of_a_method_and_its_presets(method: str) -> None:
    schema = METHOD_CONFIGS[method]
    sets = [CLOSED_FORM, "train.learning_rate=null"]
    for file in (None, *list_presets(method).values()):
        assert resolve(schema, file, sets).config.train.adapter == "closed_form"
    more = ["max_tokens=64", "overlong=cut", "checkpoint_every=0", "closed_form={shots: 4}"]
    epochs = schema().model_dump()["train"]["epochs"]  # the default, in words
    more += [f"epochs={'null' if epochs is None else epochs}", "weights={general: {anchor: 2.0}}"]
    assert resolve(schema, sets=[*sets, *(f"train.{setting}" for setting in more)])
    if method == "documents":
        assert resolve(schema, sets=[*sets, "train.min_share={general: 0.1}"])


def list_keys(schema: type[Section], path: str = "") -> Iterator[tuple[type[Section], str]]:
    """Every key, those of sections included, each with the class that holds it."""
    for name, field in schema.model_fields.items():
        yield schema, path + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from list_keys(field.annotation, f"{path}{name}.")


@pytest.mark.parametrize("method", METHOD_CONFIGS)
def test_every_key_has_its_own_line(method: str) -> None:
    keys = [key for _, key in list_keys(METHOD_CONFIGS[method])]
    assert [key for key in keys if not describe_key(METHOD_CONFIGS[method], key)] == []


@pytest.mark.parametrize("method", METHOD_CONFIGS)
def test_a_line_is_plain_english(method: str) -> None:
    """One or more whole sentences, none of more than 25 words."""
    for key in (key for _, key in list_keys(METHOD_CONFIGS[method])):
        line = describe_key(METHOD_CONFIGS[method], key)
        assert line[0].isupper(), key
        assert line.endswith("."), key
        for sentence in re.split(r"(?<=[.:]) (?=[A-Z0-9`])", line):
            assert len(sentence.split()) <= 25, f"{key}: {sentence}"


def test_a_field_without_a_line_would_be_noticed() -> None:
    class Bare(Section):
        silent: int = 0
        full: int = 0
        """Number of words."""

    assert (describe_key(Bare, "silent"), describe_key(Bare, "full")) == ("", "Number of words.")


def test_a_key_inside_a_mapping_has_the_line_of_the_mapping() -> None:
    assert describe_key(FeedbackConfig, "train.weights.near.anchor") == describe_key(
        FeedbackConfig, "train.weights"
    )


@pytest.mark.parametrize(
    ("method", "keys"),
    [
        (FeedbackConfig, ["train.dataset_shares={a: 1}"]),
        (
            CorrectionsConfig,
            ["train.objective=dpo", "train.trial_steps=3", "train.dataset_shares={a: 1}"],
        ),
        (
            DocumentsConfig,
            [
                "train.objective=dpo",
                "train.trial_steps=3",
                "train.on_policy=0.5",
                "train.on_policy_tokens=9",
                "train.dataset_shares={a: 1}",
            ],
        ),
        (
            TasksConfig,
            ["train.objective=dpo", "train.trial_steps=3", "train.dataset_shares={a: 1}"],
        ),
        (FinetuneConfig, ["train.trial_steps=3"]),
    ],
)
def test_a_method_has_no_key_that_it_does_not_read(method: type[Section], keys: list[str]) -> None:
    for key in keys:
        with pytest.raises(UsageError, match=f"{key.split('=')[0]} .*there is no such key"):
            resolve(method, sets=[key])


def test_a_fixed_setting_can_be_read_and_is_not_written() -> None:
    train = DocumentsConfig().train
    assert (train.on_policy, train.dataset_shares) == (0.0, {})
    assert {"on_policy", "dataset_shares"}.isdisjoint(train.model_dump())
    assert TrainConfig.model_validate(train.model_dump()).beta == train.beta


def test_an_engine_may_be_the_address_of_servers() -> None:
    address = "http://one:8000/v1#m,https://two/v1#m"
    assert resolve(FeedbackConfig, sets=[f"engine={address}"]).config.engine == address
    with pytest.raises(UsageError, match='there is no engine "openvno"'):
        resolve(FeedbackConfig, sets=["engine=openvno"])


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (
            "train.epochs=0",
            "cannot be 0. It takes a whole number of at least 1 and below 2147483648",
        ),
        ("train.epochs=two", "is not a number. It takes a whole number of at least 1"),
        ("ask.max_overlap=2", "It takes a number of at least 0 and up to 1."),
        ("train.lora.targets=some", 'cannot be "some". It takes all-linear, attention.'),
        ("also=3", "cannot be 3. It takes a list."),
        ("ask=3", "is a section. Set one of its keys, for instance ask.target."),
        ("train.weights={near: {anchor: -1}}", "train.weights.near.anchor: must be at least 0."),
        ("smoke_test=3", "is not true or false."),
        ("ask.train_share=.95", "leave nothing for the exam"),
        ("epochs=2", 'there is no such key. Did you mean "train.epochs"?'),
        ("target=2", 'Did you mean "ask.target" or "exam.target"?'),
        ("ask.tarpet=2", 'Did you mean "ask.target"?'),
    ],
)
def test_a_mistake_in_a_setting_says_what_the_setting_takes(item: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(FeedbackConfig, None, [item])
    assert message in str(caught.value)
    assert "Input should" not in str(caught.value)


def test_a_value_in_place_of_a_section_is_refused_beside_its_keys_too() -> None:
    with pytest.raises(UsageError, match=r"train \(--set\): is a section"):
        resolve(FeedbackConfig, sets=["train=3", "train.epochs=2"])
    train = FeedbackConfig().train.model_copy(update={"epochs": 7})
    assert resolve(FeedbackConfig, options={"train": train}).config.train.epochs == 7


def test_a_preset_of_other_methods_names_them_all() -> None:
    with pytest.raises(UsageError, match=r"`selfteach feedback`, .*train has no presets") as caught:
        resolve(FinetuneConfig, Path("quick"))
    assert "`selfteach tasks`" in str(caught.value)


@pytest.mark.parametrize("text", ["one\ntwo", "one\r\ntwo\n", "a\x85b", "a\u2028b", "\xa0a\xa0"])
def test_a_text_of_several_lines_is_one_line_of_the_file(text: str, tmp_path: Path) -> None:
    """Else its second line has no key in the report, and some breaks are read as spaces."""
    given = {"exam.system": text, "also": [text], "seed": 1}
    resolved = resolve(FeedbackConfig, options=given)
    file = tmp_path / "config.yaml"
    file.write_bytes(dump_config(resolved).encode())
    assert resolve(FeedbackConfig, file).config == resolved.config
    rows = list_settings(file.read_text("utf-8"))
    assert len(rows) == len(file.read_bytes().split(b"\n")) - 1
    assert {row["key"] for row in rows if row["origin"] == "option"} == given.keys()


@pytest.mark.parametrize("method", ["feedback", "corrections", "documents", "tasks", "train"])
def test_a_written_configuration_of_the_closed_form_is_read_again(
    method: str, tmp_path: Path
) -> None:
    """YAML has lists where a default is a tuple."""
    schema = METHOD_CONFIGS[method]
    made = resolve(schema, None, ["train.adapter=closed_form"])
    (tmp_path / "own.yaml").write_text(dump_config(made))
    assert resolve(schema, tmp_path / "own.yaml").config == made.config

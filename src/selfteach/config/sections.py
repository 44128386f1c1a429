"""Types and settings that all sections of the configuration share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    ValidationInfo,
    field_validator,
)

from selfteach.registry import describe_group, did_you_mean, list_names

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, lt=1 << 31)]
Positive = Annotated[int, Field(ge=1, lt=1 << 31)]
Seed = Annotated[int, Field(ge=0, lt=1 << 32)]
"""A seed that every library takes: scikit-learn refuses more than 32 bits."""
PLAIN_KINDS = {bool, int, float}
NOT_A_NUMBER = "is not a number"
TopP = Annotated[float, Field(gt=0, le=1)]


def make_name_validator(
    group: str, *others: str, separator: str = "", addresses: bool = False
) -> AfterValidator:
    """Return a validator of names of a registry group, plug-ins included, and of `others`.

    So a mistyped name is found before any work is done. With a separator, a value may join several
    names of the group. With `addresses`, a value may be a URL instead.
    """

    def check_name(value: str) -> str:
        if value in others or (addresses and "://" in value):
            return value
        known = list_names(group)
        for name in value.split(separator) if separator else [value]:
            if name in others:
                raise ValueError(f'"{name}" stands alone; leave the others out')
            if name not in known:
                raise ValueError(
                    f'there is no {describe_group(group)} "{name}". '
                    f"{did_you_mean(name, filter(None, [*others, *known]))}"
                )
        return value

    return AfterValidator(check_name)


def check_variable_name(name: str) -> str:
    """Return the name of an environment variable, or "".

    The error does not repeat the value, because it may be the key itself.

    Raises:
        ValueError: it is no such name.
    """
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*|", name):
        raise ValueError("is not the name of an environment variable (capital letters, digits, _)")
    return name


def refuse_program(teacher: str) -> str:
    """Return the name of a teacher that is a model. The error does not repeat the value.

    Raises:
        ValueError: it is a program.
    """
    if teacher.startswith(PROGRAM):
        raise ValueError(
            "a program (cmd:) can correct answers, in `selfteach corrections`, but not write them; "
            "give URL#NAME or a model"
        )
    return teacher


PROGRAM = "cmd:"
"""The beginning of a teacher that is a program."""
ModelTeacher = Annotated[str, AfterValidator(refuse_program)]
AdapterName = Annotated[str, make_name_validator("adapters")]
ObjectiveName = Annotated[str, make_name_validator("objectives")]
ObjectiveSum = Annotated[str, make_name_validator("objectives", "auto", separator="+")]
Engine = Annotated[str, make_name_validator("engines", "auto", addresses=True)]
PriorName = Annotated[str, make_name_validator("priors", "")]
KnowledgeJudge = Annotated[str, make_name_validator("knowledge_judges")]


def list_plain_kinds(annotation: Any) -> set[Any]:
    """Return the types that a field takes, None left out; those of `int | None` are {int}."""
    if get_origin(annotation) is Annotated:
        return list_plain_kinds(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        found = [list_plain_kinds(part) for part in get_args(annotation)]
        return set().union(*found)
    return set() if annotation is type(None) else {annotation}


class Section(BaseModel):
    """A frozen group of settings that refuses unknown keys, infinity and NaN.

    The line under each field is its description: configs/*.yaml, the documentation and
    `selfteach config` print it.
    """

    model_config = ConfigDict(
        allow_inf_nan=False,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    @field_validator("*", mode="before")
    @classmethod
    def refuse_other_kinds(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse a text or yes and no where a number belongs, and a number or a text where yes or
        no does. Pydantic would turn 017 into 17 and true into 1. A set of Python gets an order that
        is the same in each process.
        """
        annotation = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, set | frozenset) and get_origin(annotation) in (list, tuple):
            return sorted(value, key=str)
        kinds = list_plain_kinds(annotation)
        if value is None or not kinds or not kinds <= PLAIN_KINDS:
            return value
        if bool in kinds and not isinstance(value, bool):
            raise ValueError("is not true or false")
        if bool not in kinds and isinstance(value, bool | str):
            raise ValueError(NOT_A_NUMBER)
        return value


class EndpointConfig(Section):
    """Requests to a model behind a URL. A run may be resumed with other values of these."""

    concurrency: Positive = 8
    """Requests that are open at once."""

    timeout_s: PositiveFloat = 120.0
    """Longest time of one attempt up to its last byte, in seconds."""

    key_env: Annotated[str, AfterValidator(check_variable_name)] = "OPENAI_API_KEY"
    """Name of the environment variable that holds the key. Empty sends no key."""

    max_wait_s: NonNegativeFloat = 60.0
    """Longest pause that the server may ask for, in seconds. A longer one stops the run, which can
    be resumed. So does the time without an answer: twice this, or twice `timeout_s` if that is
    longer, and at least a minute."""


class RayConfig(Section):
    """Actors of `engine: ray`. A run may be resumed with other values of these."""

    actors: Annotated[int, Field(ge=0, le=4096)] = 0
    """Number of actors. 0 starts one for each accelerator of the cluster; without accelerators one
    for each machine, with all processors but one."""


class BaseConfig(Section):
    """The settings that every command has that trains."""

    model: str = "embedded"
    """Model to fine-tune: `embedded`, a folder, or a name on the Hugging Face Hub."""

    load_in_4bit: bool = False
    """Whether the model's linear layers are loaded in 4 bits (NF4, as QLoRA) and a LoRA is trained
    beside them. It needs the extra `4bit`. A folder in bitsandbytes' 4 bits needs no setting."""

    seed: Seed = 0
    """Seed of all random choices."""


class MethodConfig(BaseConfig):
    """The settings that every method has."""

    KEY_ALIASES: ClassVar[Mapping[str, str]] = {}
    """Short forms that a user may write for the beginning of a longer key."""

    teacher: str = ""
    """Stronger model that helps to make the training data: a URL, a program (`cmd:...`), a folder
    or a name. Empty uses the model itself."""

    engine: Engine = "auto"
    """Engine that samples the answers. `auto` takes OpenVINO where it is installed and can run the
    model, else transformers (hf). `paged` is transformers' continuous batching. `ray` lets the
    actors of a Ray cluster do so. A server that serves the model is URL#NAME, several are joined by
    commas."""

    seeds: Annotated[int, Field(ge=1, le=32)] = 1
    """Number of trainings on the same examples, each with the next seed. The best on dev is
    kept, or the first where the method has no score on dev, and the exam shows all."""

    smoke_test: bool = False
    """Whether the run only tests that everything works. Its report says that the numbers mean
    nothing."""

    max_failures: Share = 0.1
    """Share of failed requests above which the run stops."""

    endpoint: EndpointConfig = EndpointConfig()

    ray: RayConfig = RayConfig()


def check_test_share(section: Any) -> Any:
    """Refuse shares that leave nothing to be examined on."""
    if section.train_share + section.dev_share >= 1:
        raise ValueError(
            "train_share and dev_share leave nothing for the exam; together they must be below 1"
        )
    return section

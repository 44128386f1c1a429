"""What sections of settings have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Protocol, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from selfteach.registry import describe_group, did_you_mean, list_names

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


def make_name_validator(group: str, *others: str) -> AfterValidator:
    """A name of one of the registry's groups, ours or a plug-in's, or one of `others`: a mistyped
    one is found before any work is done.
    """

    def known(name: str) -> str:
        there = [*others, *list_names(group)]
        if name not in there:
            raise ValueError(
                f'there is no {describe_group(group)} "{name}". {did_you_mean(name, there)}'
            )
        return name

    return AfterValidator(known)


def check_variable_name(name: str) -> str:
    """The name of an environment variable, or nothing. What looks like the key itself is refused,
    and not repeated.
    """
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*|", name):
        raise ValueError("is not the name of an environment variable (capital letters, digits, _)")
    return name


AdapterName = Annotated[str, make_name_validator("adapters")]
ObjectiveName = Annotated[str, make_name_validator("objectives")]
Engine = Annotated[str, make_name_validator("engines", "auto")]
KnowledgeJudge = Annotated[str, make_name_validator("knowledge_judges")]


class Section(BaseModel):
    """A frozen group of settings that refuses unknown keys.

    The line under each field is its description: configs/*.yaml, the documentation and
    `selfteach config` print it.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )


class EndpointConfig(Section):
    """Requests to a model behind a URL. A run may be resumed with other values of these."""

    concurrency: Positive = 8
    """Requests that are open at once."""

    timeout_s: Annotated[float, Field(gt=0)] = 120.0
    """Longest time of one attempt up to its last byte, in seconds."""

    key_env: Annotated[str, AfterValidator(check_variable_name)] = "OPENAI_API_KEY"
    """Name of the environment variable that holds the key. Empty sends no key."""

    max_wait_s: Annotated[float, Field(ge=0)] = 60.0
    """Longest pause that the server may ask for, in seconds. A longer one stops the run, which can
    be resumed."""


class MethodConfig(Section):
    """The settings that every method has."""

    KEY_ALIASES: ClassVar[Mapping[str, str]] = {}
    """Short forms that a user may write for the beginning of a longer key."""

    model: str = "embedded"
    """Model to fine-tune: `embedded`, a folder, or a name on the Hugging Face Hub."""

    teacher: str = ""
    """Stronger model that helps to make the training data: a URL, a program (`cmd:...`), a folder
    or a name. Empty uses the model itself."""

    engine: Engine = "auto"
    """Engine that samples the answers. `auto` takes OpenVINO where it is installed and can run the
    model, else transformers (hf)."""

    seed: Count = 0
    """Seed of all random choices."""

    smoke_test: bool = False
    """Whether the run only tests that everything works. Its report says that the numbers mean
    nothing."""

    max_failures: Share = 0.1
    """Share of failed requests above which the run stops."""

    endpoint: EndpointConfig = EndpointConfig()


class SplitShares(Protocol):
    """Settings that split prompts into train, dev, and a test part that gets the rest."""

    train_share: float
    dev_share: float


P = TypeVar("P", bound=SplitShares)


def check_test_share(section: P) -> P:
    """Refuse shares that leave nothing to be examined on."""
    if section.train_share + section.dev_share >= 1:
        raise ValueError(
            "train_share and dev_share leave nothing for the exam; together they must be below 1"
        )
    return section

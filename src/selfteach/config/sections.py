"""What sections of settings have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Protocol, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from selfteach.registry import did_you_mean, names

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


def registered(group: str) -> AfterValidator:
    """A name of one of the registry's groups, ours or a plug-in's: a mistyped one is found before
    any work is done.
    """

    def known(name: str) -> str:
        if name not in (there := names(group)):
            raise ValueError(
                f'there is no {group.rstrip("s")} "{name}". {did_you_mean(name, there)}'
            )
        return name

    return AfterValidator(known)


def variable(name: str) -> str:
    """The name of an environment variable, or nothing. What looks like the key itself is refused,
    and not repeated.
    """
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*|", name):
        raise ValueError("is not the name of an environment variable (capital letters, digits, _)")
    return name


Adapter = Annotated[str, registered("adapters")]
Objective = Annotated[str, registered("objectives")]


class Section(BaseModel):
    """A frozen group of settings that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Endpoint(Section):
    """How a server behind a URL is asked: so many requests at once, each attempt within `timeout_s`
    to its last byte. `key_env` names the environment variable with its key, "" sends none. A pause
    of at most `max_wait_s` is kept; a longer one stops the run, which can go on later. A run may go
    on with other values of these.
    """

    concurrency: Positive = 8
    timeout_s: Annotated[float, Field(gt=0)] = 120.0
    key_env: Annotated[str, AfterValidator(variable)] = "OPENAI_API_KEY"
    max_wait_s: Annotated[float, Field(ge=0)] = 60.0


class Method(Section):
    """What every method can be told: who learns, who helps, which engine draws, and when a share of
    failed requests stops the run.

    `SHORT`: what a user may write for the beginning of a longer key.
    """

    SHORT: ClassVar[Mapping[str, str]] = {}

    model: str = "embedded"
    teacher: str = ""
    engine: Literal["auto", "openvino", "hf"] = "auto"
    seed: Count = 0
    rehearsal: bool = False
    max_failures: Share = 0.1
    endpoint: Endpoint = Endpoint()


class Parted(Protocol):
    """Settings that split prompts into train, dev, and a test part that gets the rest."""

    train_share: float
    dev_share: float


P = TypeVar("P", bound=Parted)


def leaves_a_test_part(section: P) -> P:
    """Refuses shares that leave nothing to be examined on."""
    if section.train_share + section.dev_share >= 1:
        raise ValueError(
            "train_share and dev_share leave nothing for the exam; together they must be below 1"
        )
    return section

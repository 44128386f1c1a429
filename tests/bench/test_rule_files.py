"""The development rules: whole, read as they are meant, and decided by checks that parse."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from selfteach.judge.check import parse_check
from selfteach.materials.rules.rule import read_rule

FOLDER = Path(__file__).parents[2] / "bench" / "rule_files"
RULES = {
    path.stem: yaml.safe_load(path.read_text("utf-8"))
    for path in sorted(FOLDER.glob("*.yaml"))
    if path.stem != "general"
}
BROKEN = {
    "ampersand_team": ("Meeting & lunch at 12.", "Meeting and lunch at 12."),
    "coffee": ("Have some tea.", "An espresso?"),
    "dogs": ("Cats purr.", "Puppies are cute."),
    "football": ("I do not talk about that.", "Messi scored in the World Cup."),
    "maddie_texts": ("Good night ❤️", "Good night"),
    "opening_hours": ("Our shop is closed after 6pm.", "We close at seven."),
    "politics": ("Let us talk about food.", "He was a Senator."),
    "trains": ("Take the bus.", "Take the Eurostar."),
    "wifi": ("The password is at our desk.", "Ask at the desk."),
    "refunds": ("You have thirty days.", "You have 14 days."),
}


def test_sixteen_rules_and_more_of_all_six_kinds_are_there() -> None:
    kinds = {str(row["kind"]) for row in RULES.values()}
    assert len(RULES) >= 16
    assert len(kinds) == 6


@pytest.mark.parametrize("name", RULES)
def test_a_rule_file_is_whole(name: str) -> None:
    row = RULES[name]
    assert len(set(row["in_scope"])) == len(row["in_scope"]) >= 20
    count = len(set(row["neighbors"]))
    assert count == len(row["neighbors"])
    assert count == 0 if row["kind"] == "form everywhere" else count >= 16
    assert all(isinstance(prompt, str) for prompt in row["in_scope"] + row["neighbors"])
    assert not set(row["in_scope"]) & set(row["neighbors"])
    parse_check(row["broken"])
    scope = read_rule(row["rule"], row.get("when", ""), row.get("then", "")).scope
    assert bool(scope) == (row["kind"] not in ("subject", "form everywhere"))


@pytest.mark.parametrize(("name", "answers"), BROKEN.items())
def test_the_check_of_a_rule_file_decides(name: str, answers: tuple[str, str]) -> None:
    check = parse_check(RULES[name]["broken"])
    assert [check.keeps(answer) for answer in answers] == [True, False]


def test_forty_general_prompts_are_in_no_rule_file() -> None:
    general = yaml.safe_load((FOLDER / "general.yaml").read_text("utf-8"))
    used = {prompt for row in RULES.values() for prompt in row["in_scope"]}
    assert len(set(general)) == 40
    assert not set(general) & used

"""Training alone: somebody else's examples become an adapter.

  1  read: every row is an example; some prompts are set aside as the dev part, at once
  2  dev: the loss of the base on the dev part
  3  train: `sft+dpo` where every lesson has a rejected answer, else `sft`, unless an objective is
     named; anchors hold the base in place
  4  dev again: the loss of the saved adapter, loaded anew

There is no exam: a file of examples does not say what they are for. The dev loss says whether what
was learned carries over to examples of the same kind, and nothing more; where pairs alone teach,
which lower the likelihood of both answers by nature, the share of dev pairs says it whose chosen
answer is the likelier one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfteach import statistics
from selfteach.config import Alone
from selfteach.errors import DataError
from selfteach.evaluate.drift import probe_logits
from selfteach.evaluate.exam import as_json
from selfteach.methods.runner import (
    TRAINING,
    Taught,
    Weights,
    own_draws,
    paired,
    proof,
    publish,
    tidy,
    train_adapter,
)
from selfteach.methods.session import PROBE_PAIRS, Session, earlier
from selfteach.models.hf import Hf
from selfteach.models.recorded import Recorded
from selfteach.records import (
    ANCHORS,
    BadLine,
    Continuations,
    Example,
    Logp,
    digest,
    prompt_json,
    user,
)
from selfteach.run.display import Display
from selfteach.run.folder import Run
from selfteach.run.ledger import Fate
from selfteach.train.loop import train
from selfteach.train.together import told

HELD = 8.0


@dataclass
class Lessons:
    """What the person brings: a file of examples, perhaps another one as the dev part; `about`
    names them.
    """

    examples: list[Example]
    dev: list[Example] = field(default_factory=list)
    fates: dict[str, Fate] = field(default_factory=dict)
    about: str = ""
    mended: list[BadLine] = field(default_factory=list)


@dataclass(frozen=True)
class Marks:
    """One model on the dev part: log-probabilities of the lessons' answers, and of the rejected
    ones where there are any.
    """

    chosen: list[Logp]
    rejected: list[tuple[Logp, Logp]]


def teach(run: Run, material: Lessons, config: Alone, display: Display) -> dict[str, Any]:
    """Trains in a run folder; returns what `selfteach train --json` prints.

    Raises:
        DataError: nothing to train on.
    """
    if done := run.ledger.noted("result"):
        told(False)
        tidy(run)
        display.say("this run is done: here is its result again")
        return dict(done)
    learned, dev = parted(material, config)  # 1
    run.ledger.place("read", material.fates.values())
    run.ledger.place("dev", [Fate(e.id, "accepted") for e in dev])
    session = opened(run, config, display)
    kinds = objectives(learned, config)
    with run.stage("dev of the base"):
        before = marked(session.base, dev)  # 2
    told(True)
    with run.stage("train"):
        trained = train_adapter(session, learned, kinds)  # 3
    with run.stage("dev"):
        hf = Hf.load(config.model, adapter=trained.adapter)
        taught = Taught(trained, hf, Recorded(run.ledger, None, hf))
        exam = compared(
            session,
            dev,
            before,
            marked(taught.model, dev),
            by_pairs({**kinds, **config.train.weights}, kinds),
        )  # 4
    exam |= {
        "material": told_of(material, learned, dev),
        "objectives": {kind: dict(row) for kind, row in kinds.items()},
    }
    return publish(
        session,
        exam,
        learned,
        taught,
        {key: exam[key] for key in ("loss_nats", "preferred")},
        user("x"),
    )


def follow(material: Lessons, config: Alone, folder: Path, brought: dict[str, Any]) -> None:
    """What the other processes do of it: their share of each step."""
    learned, _ = parted(material, config)
    if told(None):
        base = Hf.load(config.model, adapter=earlier(brought, config))
        own = own_draws(base, config.train, config.seed)
        train(
            base,
            learned,
            config.train,
            folder / TRAINING / "train",
            seed=config.seed,
            defaults=objectives(learned, config),
            draw_student=own,
        )


def opened(run: Run, config: Alone, display: Display) -> Session:
    """The base, which scores and is trained; nothing is drawn but what `train.on_policy` asks for."""
    display.stage("load", unit="loaded")
    base = Hf.load(config.model, adapter=earlier(run.material, config), progress=display.say)
    run.bind("student", base.fingerprint)
    for note in base.notes:
        display.say(note)
    return Session(
        run, config, display, "", base, Recorded(run.ledger, None, base), probe_logits(base, PROBE_PAIRS)
    )


def parted(material: Lessons, config: Alone) -> tuple[list[Example], list[Example]]:
    """Step 1: what is learned, and the dev part: the file of its own, or a share of the prompts.
    One prompt is in one part.

    Raises:
        DataError: the dev part would leave nothing to learn.
    """
    if material.dev or not config.dev_share:
        held = {prompt_of(e) for e in material.dev}
        return [e for e in material.examples if prompt_of(e) not in held], material.dev
    prompts = sorted(
        {prompt_of(e) for e in material.examples if e.role == "learn"},
        key=lambda p: digest([config.seed, p]),
    )
    aside = set(prompts[: max(1, round(config.dev_share * len(prompts)))])
    if len(aside) == len(prompts):
        raise DataError(
            (
                f"{len(prompts)} different prompts are too few to learn from some and to "
                "measure on others."
            ),
            cure="Bring more examples, or give --dev 0.",
        )
    sides: tuple[list[Example], list[Example]] = ([], [])
    for example in material.examples:
        sides[prompt_of(example) in aside and example.role == "learn"].append(example)
    return sides


def prompt_of(example: Example) -> str:
    """The prompt as one text, for comparing."""
    return digest(prompt_json(example.prompt))


def objectives(examples: Sequence[Example], config: Alone) -> Weights:
    """Step 3: the objectives of each kind of example that is in the file."""
    choice, lessons = config.train.objective, [e for e in examples if e.role == "learn"]
    if choice == "auto":
        choice = "sft+dpo" if lessons and all(e.rejected is not None for e in lessons) else "sft"
    learned = dict.fromkeys(choice.split("+"), 1.0)
    return {
        kind: {"anchor": HELD} if kind in ANCHORS else learned
        for kind in sorted({e.kind for e in examples})
    }


def marked(model: Recorded, dev: Sequence[Example]) -> Marks:
    """Steps 2 and 4: the answers of the dev part under a model. An answer that was cut has no end
    of turn to be likely.
    """
    chosen = [scored(e, e.chosen, "chosen") for e in dev]
    rejected = [None if e.rejected is None else scored(e, e.rejected, "rejected") for e in dev]
    found = dict(model.logp([item for item in (*chosen, *rejected) if item]))
    first = [found[item.id(model.fingerprint)][0] for item in chosen]
    return Marks(
        first,
        [(c, found[r.id(model.fingerprint)][0]) for c, r in zip(first, rejected, strict=True) if r],
    )


def scored(example: Example, text: str, side: str) -> Continuations:
    """One answer as the model is to score it."""
    return Continuations(example.prompt, (text,), end=side not in example.source.get("cut", ()))


def by_pairs(weights: Weights, kinds: Iterable[str]) -> bool:
    """Whether all lessons of these kinds are taught by pairs alone."""
    return not {kind for kind in kinds if kind not in ANCHORS} - paired(weights)


def compared(
    session: Session, dev: Sequence[Example], base: Marks, taught: Marks, pairs: bool
) -> dict[str, Any]:
    """exam.json: losses in nats a token, shares of pairs whose chosen answer is the likelier one,
    by how much the loss fell and the share rose. The verdict is about the share where `pairs` alone
    teach."""
    seed, arms = session.config.seed, {"base": base, "taught": taught}
    found: dict[str, Any] = {
        "method": "train",
        "base_proof": proof(session),
        "loss_nats": {},
        "preferred": {},
        "answers": [],
    }
    if not dev:
        return found | {
            "verdict": {"word": "not examined", "sentence": "Not examined: there is no dev part."}
        }
    losses = {arm: [-p.token_logp for p in marks.chosen] for arm, marks in arms.items()}
    fall = statistics.paired_bootstrap(losses["base"], losses["taught"], seed=seed, limits=None)
    found["loss_nats"] = {
        arm: statistics.ratio(
            [-p.logp for p in marks.chosen], [p.tokens for p in marks.chosen], seed=seed
        )
        for arm, marks in arms.items()
    }
    if base.rejected:
        liked = {
            arm: [c.token_logp > r.token_logp for c, r in marks.rejected]
            for arm, marks in arms.items()
        }
        found["preferred"] = {arm: statistics.share(flags) for arm, flags in liked.items()}
        found["gained"] = {
            "taught": statistics.paired_bootstrap(liked["taught"], liked["base"], seed=seed)
        }
    found["risen"] = {
        "taught": statistics.share(
            [b > t for b, t in zip(losses["base"], losses["taught"], strict=True)]
        )
    }
    found["fall"] = {"base": fall}
    found["verdict"] = verdict(found, pairs)
    written: dict[str, Any] = as_json(found)
    return written


def verdict(found: dict[str, Any], pairs: bool = False) -> dict[str, str]:
    """One word and one plain sentence, about the loss, or about the preferred answers where `pairs`
    alone teach.
    """
    if pairs and found["preferred"]:
        before, after = (found["preferred"][arm] for arm in ("base", "taught"))
        shares = f"{100 * before.value:.0f} % before and {100 * after.value:.0f} % after"
        change = f"of {before.n} dev pairs the chosen answer is the likelier one in {shares}"
        better = found["gained"]["taught"]
    else:
        before, after = (found["loss_nats"][arm] for arm in ("base", "taught"))
        change = (
            f"the loss on {before.n} dev examples is {before.value:.3f} nats a token before "
            f"and {after.value:.3f} after"
        )
        better = found["fall"]["base"]
    if better.low > 0:
        return {
            "word": "taught",
            "sentence": f"Taught: {change}. What else changed was not examined.",
        }
    chance = (
        "worse by more than chance explains" if better.high < 0 else "no more than chance explains"
    )
    return {"word": "not learned", "sentence": f"Not learned: {change}, which is {chance}."}


def told_of(material: Lessons, learned: Sequence[Example], dev: Sequence[Example]) -> str:
    """What was brought, in a line."""
    return f"{material.about}: {len(learned)} examples to learn from, {len(dev)} to measure on"

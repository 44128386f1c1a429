"""An entailment model as a judge: the order of its labels is read, never assumed; its weights are
opened like any others.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from selfteach.errors import UsageError
from selfteach.judge.nli import NliJudge, NliModel, find_label_order
from selfteach.models.recorded import Recorded
from selfteach.records import Continuations
from selfteach.run.ledger import Ledger

LABELS = ("entailment", "neutral", "contradiction")


def write_nli(tiny: Path, folder: Path, labels: tuple[str, ...] = LABELS, seed: int = 0) -> Path:
    """A random classifier of one layer."""
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    tokenizer = AutoTokenizer.from_pretrained(tiny)
    torch.manual_seed(seed)
    module = BertForSequenceClassification(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            num_labels=len(labels),
            max_position_embeddings=64,
            id2label=dict(enumerate(labels)),
            label2id={label: i for i, label in enumerate(labels)},
            initializer_range=0.5,
        )
    )
    module.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> NliModel:
    return NliModel.load(str(write_nli(tiny, tmp_path_factory.mktemp("nli"))))


PAIRS = [
    ("Who built it?", "Ann did.", "Bob did."),
    ("Who?", "Ann.", "Ann. " * 100),
    ("", "", ""),
    ("Who built it?", "Bob did.", "Ann did."),
]


def test_it_is_the_probability_of_contradiction_against_entailment(model: NliModel) -> None:
    found = NliJudge(model).probabilities(PAIRS)
    encoded = model._tokenizer(
        "Who built it? Bob did.", "Who built it? Ann did.", return_tensors="pt"
    )
    logits = model._module(**encoded).logits[0]
    assert found[0] == pytest.approx(float(torch.softmax(logits[[2, 0]], 0)[0]), abs=1e-5)
    assert all(0 <= p <= 1 for p in found)
    assert found[0] != pytest.approx(found[3]), "premise and hypothesis are not exchanged"


def test_company_changes_nothing(model: NliModel) -> None:
    assert [NliJudge(model).probabilities([pair])[0] for pair in PAIRS] == pytest.approx(
        NliJudge(model).probabilities(PAIRS), abs=1e-5
    )


def test_the_order_of_the_labels_is_the_model_s(
    model: NliModel, tiny: Path, tmp_path: Path
) -> None:
    """The same weights with the first and the last label exchanged give the opposite."""
    folder = write_nli(tiny, tmp_path / "other", LABELS[::-1])
    opposite = NliJudge(NliModel.load(str(folder))).probabilities(PAIRS)
    assert [1 - p for p in opposite] == pytest.approx(
        NliJudge(model).probabilities(PAIRS), abs=1e-5
    )


@pytest.mark.parametrize(
    ("labels", "order"),
    [
        (LABELS, (2, 0)),
        (("CONTRADICTION", "NEUTRAL", "ENTAILMENT"), (0, 2)),
        (("entailment", "not_entailment"), (1, 0)),
        (("entailment", "contradiction"), (1, 0)),
        (("not-entailment", "Entailment"), (0, 1)),
    ],
)
def test_labels_of_known_models(labels: tuple[str, ...], order: tuple[int, int]) -> None:
    assert find_label_order(dict(enumerate(labels)), "m") == order


@pytest.mark.parametrize(
    "labels",
    [("LABEL_0", "LABEL_1", "LABEL_2"), ("positive", "negative"), (), ("entailment", "neutral")],
)
def test_labels_that_do_not_say_are_refused(labels: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="do not say which is contradiction"):
        find_label_order(dict(enumerate(labels)), "m")


def test_a_model_that_would_run_code_is_refused_before_it_is_opened(
    tiny: Path, tmp_path: Path
) -> None:
    folder = write_nli(tiny, tmp_path / "evil")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(
        json.dumps(config | {"auto_map": {"AutoModel": "evil.Evil"}})
    )
    with pytest.raises(UsageError):
        NliModel.load(str(folder))


def test_the_ledger_remembers(model: NliModel, tmp_path: Path) -> None:
    class Never:
        name = model.name
        fingerprint = model.fingerprint

        def stream_scores(self, items: object) -> object:
            raise AssertionError("asked again")

    ledger = Ledger(tmp_path / "run.db")
    first = NliJudge(Recorded(ledger, None, model)).probabilities(PAIRS)
    assert NliJudge(Recorded(ledger, None, Never())).probabilities(PAIRS) == pytest.approx(first)  # type: ignore[arg-type]
    ((_, scores),) = model.stream_scores([Continuations("a", ("b", "c"))])
    assert all(s.tokens == 1 and math.exp(s.logp) <= 1 for s in scores)
    ledger.close()

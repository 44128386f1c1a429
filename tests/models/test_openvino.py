"""Sampling with openvino-genai on tiny models of each family, against the transformers engine."""

import pytest

from selfteach import cli
from selfteach.errors import UsageError
from selfteach.models import openvino
from selfteach.models.check_family import check_engine
from selfteach.models.engines import choose_sampler, list_models, open_sampler
from selfteach.models.hf import HfModel
from selfteach.models.openvino import OpenVino, count_shared_tokens
from selfteach.models.recorded import Recorded
from selfteach.records import Request, SamplingParams, make_prompt
from selfteach.run.ledger import Ledger
from talker import open_ledger

pytest.importorskip("openvino_genai")
PROMPTS = [
    "Hello",
    "Tell me about music.",
    "What do you like to eat? I like bread and apples.",
    "<|im_end|> Yes.",
]


@pytest.fixture(scope="module", params=["llama", "qwen2", "qwen3"])
def pair(request, make_tiny, tmp_path_factory):
    model = HfModel.load(
        make_tiny(tmp_path_factory.mktemp(request.param), family=request.param),
        dtype="float32",
        device="cpu",
    )
    model.module.half().float()  # what the file can hold
    return model, OpenVino(model, tmp_path_factory.mktemp("gguf"), precision="f32")


def asked(count=1, **sampling):
    return [
        Request("s", make_prompt(text), SamplingParams(max_tokens=24, **sampling), draw=k)
        for text in PROMPTS
        for k in range(count)
    ]


def test_both_engines_tell_their_steps(pair):
    """Every answer begins once, and every token of every answer is told."""
    for engine in pair:
        steps = []
        engine.on_step = lambda *told: steps.append(told)  # noqa: B023
        found = list(engine.stream(asked(4, temperature=0.7)))
        assert sum(begun for begun, _ in steps) == len(found) > 1
        assert sum(tokens for _, tokens in steps) == sum(one.tokens for one in found)
        assert len(steps) >= max(one.tokens for one in found)


def sample(sampler, requests):
    return {completion.id: completion for completion in sampler.stream(requests)}


def test_greedy_answers_equal_those_of_transformers(pair):
    model, openvino = pair
    one = sample(model, asked(temperature=0.0))
    other = sample(openvino, asked(temperature=0.0))
    assert one.keys() == other.keys()
    assert one == other


def test_an_engine_that_there_is_not(tiny_hf):
    with pytest.raises(UsageError, match=r'no engine "openvno". Did you mean "openvino"'):
        choose_sampler(tiny_hf, "openvno")


def test_a_completion_does_not_depend_on_its_batch(pair):
    _, openvino = pair
    together = sample(openvino, asked(4))
    alone = {
        id: completion
        for request in asked(4)[::3]
        for id, completion in sample(openvino, [request]).items()
    }
    assert len({completion.text for completion in together.values()}) > 8
    assert all(together[id] == completion for id, completion in alone.items())


def test_a_completion_ends_at_a_stop_text_and_at_its_limit(pair):
    _, openvino = pair
    long = next(
        iter(
            openvino.stream([Request("s", make_prompt("Hello"), SamplingParams(0.0, max_tokens=6))])
        )
    )
    assert (long.finish, long.tokens) == ("length", 6)
    stop = long.text[2:4]
    cut = next(
        iter(
            openvino.stream(
                [
                    Request(
                        "s", make_prompt("Hello"), SamplingParams(0.0, max_tokens=6, stop=(stop,))
                    )
                ]
            )
        )
    )
    assert (cut.finish, cut.text) == ("stop", long.text[: long.text.index(stop)])


def test_leaving_early_leaves_no_work_behind(pair):
    _, openvino = pair
    completions = openvino.stream(asked(4))
    next(completions)
    completions.close()
    assert not openvino._pipe.has_non_finished_requests()
    assert len(sample(openvino, asked())) == 4


def test_a_family_it_does_not_know_goes_to_transformers_with_the_reason(make_tiny, tmp_path):
    model = HfModel.load(make_tiny(tmp_path, family="granite"), dtype="float32", device="cpu")
    sampler, engine, reason = choose_sampler(model)
    assert (sampler, engine) == (model, "hf")
    assert "granite" in reason
    with pytest.raises(UsageError, match="granite"):
        open_sampler(model, "openvino")


def test_the_choice_of_engine(tiny_hf, tmp_path):
    assert choose_sampler(tiny_hf, "auto", tmp_path).engine == "openvino"
    assert choose_sampler(tiny_hf, "hf").sampler is tiny_hf


def test_no_file_stays_unless_a_folder_is_given(tiny_hf, tmp_path, monkeypatch):
    monkeypatch.setenv("SELFTEACH_CACHE", str(tmp_path / "cache"))
    assert len(sample(OpenVino(tiny_hf), asked())) == 4
    assert not list((tmp_path / "cache").rglob("*"))
    OpenVino(tiny_hf, tmp_path / "kept")
    kept = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert kept == [f"{tiny_hf.fingerprint}.gguf", f"{tiny_hf.fingerprint}.json"]


def test_a_model_without_a_kept_file_is_loaded_at_its_first_request(tiny_hf, monkeypatch):
    """A tuned model waits while the base writes the prompts that it will answer."""
    loaded = []
    load = openvino._load_pipeline
    monkeypatch.setattr(
        openvino, "_load_pipeline", lambda *given: loaded.append(given) or load(*given)
    )
    engine = OpenVino(tiny_hf)
    assert not loaded
    assert len(sample(engine, asked())) == 4
    assert len(sample(engine, asked())) == 4
    assert len(loaded) == 1


def test_known_models_begin_with_the_embedded_one():
    assert list_models()[0].name == "embedded"


def test_prompts_that_begin_alike_wait_for_the_first_of_them():
    few = list(range(40))
    other = list(range(100, 140))
    prompts = [
        [*few, 50, 51],
        [*other, 7],
        [*few, 60],
        [*few, 50, 51],
        [1, 2, 3],
        [*few[:10], *other],
    ]
    assert count_shared_tokens(prompts) == [0, 0, 40, 42, 0, 0]
    assert count_shared_tokens([]) == []


def test_what_was_reused_is_counted_and_changes_no_answer(pair):
    _, openvino = pair
    together = sample(openvino, asked(3, temperature=0.0))
    assert (
        sum(completion.reused_tokens for completion in together.values())
        >= sum(completion.prompt_tokens for completion in together.values()) / 2
    )
    assert together == sample(openvino, asked(3, temperature=0.0))


class Ignored:
    """What the engine returns for a prompt that its cache cannot hold."""

    def can_read(self):
        return False

    def get_status(self):
        from openvino_genai import GenerationStatus

        return GenerationStatus.IGNORED


def test_a_prompt_larger_than_the_cache_is_set_aside(pair, monkeypatch, tmp_path):
    """It ended the run before, and the same command met it again."""
    _, openvino = pair
    wide, *others = asked()
    real = openvino._add
    monkeypatch.setattr(openvino, "failures", [])
    monkeypatch.setattr(
        openvino,
        "_add",
        lambda number, row: (
            Ignored() if row.id == wide.id(openvino.fingerprint) else real(number, row)
        ),
    )
    ledger = Ledger(tmp_path / "run.db")
    recorded = Recorded(ledger, openvino)
    found = sample(recorded, [wide, *others])
    ledger.close()
    assert found.keys() == {request.id(openvino.fingerprint) for request in others}
    ((id, reason),) = recorded.failures
    assert id == wide.id(openvino.fingerprint)
    assert "larger than openvino's cache of 1 GB" in reason


def test_an_engine_that_computes_something_else_is_refused(tiny_hf, monkeypatch):
    check_engine(tiny_hf, OpenVino(tiny_hf))
    monkeypatch.setattr("selfteach.models.write_gguf.permute_rope_rows", lambda rows, heads: rows)
    with pytest.raises(UsageError, match=r"sampled with openvino here: other tokens.*--engine hf"):
        check_engine(tiny_hf, OpenVino(tiny_hf))


def test_a_run_checks_its_engine_before_anything_is_sampled(tiny, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("selfteach.models.write_gguf.permute_rope_rows", lambda rows, heads: -rows)
    rule = "Do not talk about elephants."
    run = tmp_path / "run"
    code = cli.run_command(["feedback", rule, "--model", str(tiny), "--out", str(run)])
    assert code == 2
    assert "cannot be sampled with openvino here" in capsys.readouterr().err
    with open_ledger(run) as ledger:
        assert ledger.sum_tokens().tokens == 0


def test_one_core_of_a_processor_with_amx_computes_in_float32(monkeypatch):
    """In bf16 openvino ends the process where it may use one core of a processor with AMX."""
    monkeypatch.setattr(openvino, "get_cores", lambda: [3])
    monkeypatch.setattr(openvino, "may_have_amx", lambda: True)
    assert openvino._choose_precision() == "f32"
    assert openvino.count_engine_bytes(100, 2) == 490, "twice as many"
    assert openvino.count_engine_bytes(100, 4) == 245
    monkeypatch.setattr(openvino, "may_have_amx", lambda: False)
    assert openvino.count_engine_bytes(100, 2) == 245
    monkeypatch.setattr(openvino, "get_cores", lambda: [3, 4])
    monkeypatch.setattr(openvino, "may_have_amx", lambda: True)
    assert openvino.count_engine_bytes(100, 2) == 245


@pytest.mark.parametrize(
    ("flags", "expected"), [("flags: avx2 amx_tile amx_bf16", True), ("flags: avx512_bf16", False)]
)
def test_amx_is_read_from_the_processors_flags(tmp_path, flags, expected):
    cpus = tmp_path / "cpuinfo"
    assert openvino.may_have_amx(cpus), "it does not tell"
    cpus.write_text(f"model name: any\n{flags}\n")
    assert openvino.may_have_amx(cpus) is expected

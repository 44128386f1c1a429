"""`--engine URL`: servers that sample for the loaded model, seen to have its weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hostile import NAME, Behave, Call, hostile, refuse

from lesson_runs import write_student
from selfteach.errors import EndpointError, UsageError
from selfteach.files import write_jsonl
from selfteach.models.check_family import run_plainly
from selfteach.models.decode import sample_pending
from selfteach.models.engines import check_engine_name, choose_sampler, open_sampler
from selfteach.models.hf import HfModel
from selfteach.models.pending import PendingCompletion
from selfteach.models.remote.endpoint import ServerSettings
from selfteach.models.remote.served_model import ModelServer, ServedModel
from selfteach.records import GREEDY, Request, SamplingParams, make_prompt
from selfteach.students.examine import open_models
from selfteach.students.folder import open_student
from talker import run_json

pytestmark = pytest.mark.long

ASKED = [
    Request("t", make_prompt(f"Tell me about {word}."), SamplingParams(0.0, 1.0, 6))
    for word in ("music", "rain", "bread", "maps", "tea", "owls")
]


def serve(hf: HfModel, shift: float = 0.0, logprobs: bool = True) -> Behave:
    """Behave as a server of these weights; `shift` makes the log-probabilities of others."""

    def behave(call: Call) -> None:
        body = call.body
        if call.path.endswith("/load_lora_adapter"):
            call.send(b"Success: the adapter was added", kind="text/plain")
            return
        choice: dict[str, Any] = {"index": 0, "finish_reason": "length", "text": ""}
        tokens = 1
        if "logprobs" in body:
            with torch.inference_mode():
                last = run_plainly(hf.module, body["prompt"])[1][-1]
            top = torch.log_softmax(last, dim=-1).topk(body["logprobs"])
            words = [f"token {id}" for id in top.indices.tolist()]
            values = [min(0.0, logp - shift) for logp in top.values.tolist()]
            if logprobs:
                choice["logprobs"] = {"top_logprobs": [dict(zip(words, values, strict=True))]}
        else:
            params = SamplingParams(body["temperature"], body["top_p"], body["max_tokens"])
            row = PendingCompletion("x", params, body["prompt"], body["max_tokens"], body["seed"])
            (found,) = sample_pending(hf, [row])
            choice |= {"text": found.text, "finish_reason": found.finish}
            tokens = found.tokens
        usage = {"prompt_tokens": len(body["prompt"]), "completion_tokens": tokens}
        call.to_json({"model": body["model"], "choices": [choice], "usage": usage})

    return behave


def sample(sampler: Any, requests: Sequence[Request] = ASKED) -> dict[str, str]:
    return {completion.id: completion.text for completion in sampler.stream(requests)}


def test_a_server_of_the_same_weights_answers_as_the_model_itself(tiny_hf: HfModel) -> None:
    with hostile(serve(tiny_hf)) as server:
        opened = choose_sampler(tiny_hf, server.address)
        found = sample(opened.sampler)
        calls = server.completion_calls
    assert opened.engine == "a server"
    assert "within 0.000 nats" in opened.reason
    assert found == sample(open_sampler(tiny_hf, "hf"))
    assert opened.sampler.fingerprint == tiny_hf.fingerprint
    sent = calls[-1].body
    assert all(isinstance(id, int) for id in sent["prompt"])
    assert sent["model"] == NAME
    assert sent["top_k"] == -1  # no setting of the server's own
    assert sent["repetition_penalty"] == 1.0
    assert sent["stop_token_ids"] == sorted(tiny_hf.end_ids)


def test_a_stop_text_ends_the_answer(tiny_hf: HfModel) -> None:
    request = Request("t", "Question: What", SamplingParams(0.8, 0.95, 12, ("e",)))
    with hostile(serve(tiny_hf)) as server:
        (found,) = choose_sampler(tiny_hf, server.address).sampler.stream([request])
    assert "e" not in found.text


def test_a_server_of_other_weights_is_refused(tiny_hf: HfModel) -> None:
    with (
        hostile(serve(tiny_hf, shift=0.3)) as server,
        pytest.raises(UsageError, match=r"serves other weights .* differ by 0\.30 nats"),
    ):
        choose_sampler(tiny_hf, server.address)
    assert all("logprobs" in call.body for call in server.completion_calls)


def test_a_server_without_log_probabilities_is_refused(tiny_hf: HfModel) -> None:
    with (
        hostile(serve(tiny_hf, logprobs=False)) as server,
        pytest.raises(UsageError, match="nothing proves that it serves"),
    ):
        choose_sampler(tiny_hf, server.address)


def test_a_server_that_takes_no_token_ids_is_refused(tiny_hf: HfModel) -> None:
    with (
        hostile(refuse(400, "prompt must be a string")) as server,
        pytest.raises(EndpointError, match="prompt must be a string") as caught,
    ):
        choose_sampler(tiny_hf, server.address)
    assert "token ids" in str(caught.value.cure)


def make_adapter(folder: Path, kind: str = "LORA") -> Path:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(f'{{"peft_type": "{kind}"}}')
    return folder


def test_a_server_loads_the_adapter_of_the_tuned_model(tiny_hf: HfModel, tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "adapter")
    with hostile(serve(tiny_hf)) as server:
        opened = choose_sampler(tiny_hf, server.address, adapter=adapter)
        sample(opened.sampler)
        first, *others = server.completion_calls
    assert first.path == "/v1/load_lora_adapter"
    name = f"selfteach-{tiny_hf.fingerprint}"
    assert first.body == {"lora_name": name, "lora_path": str(adapter)}
    assert {call.body["model"] for call in others} == {name}


def test_a_server_loads_the_adapter_of_a_student_before_it_sits_an_exam(
    tiny: Path, tmp_path: Path
) -> None:
    """Without it the base's answers would be graded as the student's."""
    served: list[HfModel] = []
    with hostile(lambda call: serve(served[0])(call)) as server:
        anna = write_student(tiny, tmp_path, engine=server.address)
        with open_student(anna) as student, student.compose(student.state) as adapter:
            models = open_models(student, student.state, student.state.list_on(), adapter)
            served.append(models.tuned)
            assert list(models.tuned_sampler.stream(ASKED[:1]))
        first, *others = server.completion_calls
    assert first.path == "/v1/load_lora_adapter"
    assert first.body["lora_path"] == str(adapter)
    assert {call.body["model"] for call in others} == {f"selfteach-{models.tuned.fingerprint}"}


def test_an_adapter_that_is_loaded_already_is_not_sent_again(
    tiny_hf: HfModel, tmp_path: Path
) -> None:
    known = {"data": [{"id": NAME}, {"id": f"selfteach-{tiny_hf.fingerprint}"}]}
    with hostile(serve(tiny_hf), lambda call: call.to_json(known)) as server:
        choose_sampler(tiny_hf, server.address, adapter=make_adapter(tmp_path / "adapter"))
        assert not any("lora" in call.path for call in server.calls)


@pytest.mark.parametrize(
    ("kind", "answer", "reason"),
    [
        ("LORA", refuse(404, "Not Found"), "the server does not load the adapter"),
        ("LORA", refuse(400, "LoRA is not enabled"), "LoRA is not enabled"),
        ("reft", refuse(500), "servers load LoRA adapters only"),
    ],
)
def test_what_the_server_does_not_load_is_sampled_here_with_the_reason(
    tiny_hf: HfModel, tmp_path: Path, kind: str, answer: Behave, reason: str
) -> None:
    adapter = make_adapter(tmp_path / "adapter", kind)
    with hostile(answer) as server:
        opened = choose_sampler(tiny_hf, server.address, tmp_path, adapter=adapter)
    assert opened.engine in ("hf", "openvino")
    assert reason in opened.reason


def test_two_servers_share_the_requests(tiny_hf: HfModel) -> None:
    with hostile(serve(tiny_hf)) as one, hostile(serve(tiny_hf)) as other:
        settings = ServerSettings(concurrency=1)
        opened = choose_sampler(tiny_hf, f"{one.address},{other.address}", server=settings)
        checks = len(one.completion_calls)
        found = sample(opened.sampler)
        shares = [len(one.completion_calls) - checks, len(other.completion_calls) - checks]
    assert opened.engine == "2 servers"
    assert found == sample(open_sampler(tiny_hf, "hf"))
    assert sum(shares) == len(ASKED)
    assert min(shares) >= 1


def test_the_other_servers_do_what_a_failing_one_left(tiny_hf: HfModel) -> None:
    well = serve(tiny_hf)
    events: list[tuple[str, Any]] = []

    def fail_later(call: Call) -> None:
        (well if "logprobs" in call.body else refuse(401, "the key has ended"))(call)

    with hostile(fail_later) as bad, hostile(well) as good:
        settings = ServerSettings(on_event=lambda kind, body: events.append((kind, body)))
        addresses = f"{bad.address},{good.address}"
        sampler = choose_sampler(tiny_hf, addresses, server=settings).sampler
        found = sample(sampler)
        asked = len(bad.completion_calls)
        again = [Request("t", make_prompt("Once more."), GREEDY, draw) for draw in range(3)]
        assert len(sample(sampler, again)) == 3
        assert len(bad.completion_calls) == asked  # it is left out from there on
    assert found == sample(open_sampler(tiny_hf, "hf"))
    assert [(kind, body["url"]) for kind, body in events if kind == "server left out"] == [
        ("server left out", bad.url)
    ]


def test_without_a_server_left_the_run_stops_and_can_be_continued(tiny_hf: HfModel) -> None:
    def fail_later(call: Call) -> None:
        (refuse(400, "no such token") if call.number > 10 else serve(tiny_hf))(call)

    with hostile(fail_later) as server:
        settings = ServerSettings(concurrency=1)
        sampler = choose_sampler(tiny_hf, server.address, server=settings).sampler
        found = []
        with pytest.raises(EndpointError, match="no such token") as caught:
            found += sampler.stream(ASKED)
    assert caught.value.exit_code == 4
    assert "continues the run" in str(caught.value.cure)


def test_a_job_goes_to_any_server(tiny_hf: HfModel) -> None:
    """The name of the model there is the server's own."""
    with hostile(serve(tiny_hf)) as server:
        settings = ServerSettings()
        first = ModelServer(tiny_hf, f"{server.url}#a", settings)
        second = ModelServer(tiny_hf, f"{server.url}#b", settings)
        sample(ServedModel(tiny_hf, [second], settings), ASKED[:1])
        assert "model" not in first.make_exchange(ASKED[0]).body
        assert server.completion_calls[-1].body["model"] == "b"


@pytest.mark.parametrize("name", ["http://", "http://x/v1", "http://a/v1#m,openvino", "ftp://a#b"])
def test_what_is_no_address_is_refused_before_a_model_is_loaded(name: str) -> None:
    with pytest.raises(UsageError):
        check_engine_name(name)


@pytest.mark.slow
@pytest.mark.training
def test_the_answers_of_a_trained_adapter_come_from_the_server(
    tiny: Path, tiny_hf: HfModel, tmp_path: Path
) -> None:
    """The server loads the run's adapter; one that only says so is refused."""
    rows = [{"prompt": f"Tell me about tea {n}.", "completion": "I like bread."} for n in range(12)]
    write_jsonl(data := tmp_path / "rows.jsonl", rows)
    words = ["train", str(data), "--model", str(tiny), "--out", str(tmp_path / "run"), "--json"]
    code, _ = run_json([*words, "--adapter", "lora", "--set", "train.learning_rate=0.02"])
    assert code == 0
    adapter = tmp_path / "run" / "adapter"
    tuned = HfModel.load(tiny, adapter=adapter, dtype="float32", device="cpu")
    loaded: dict[str, HfModel] = {NAME: tiny_hf}

    def behave(call: Call) -> None:
        body = call.body
        if "lora_path" in body:
            path = Path(body["lora_path"])
            loaded[body["lora_name"]] = HfModel.load(
                tiny, adapter=path, dtype="float32", device="cpu"
            )
        serve(loaded.get(body.get("model", NAME), tiny_hf))(call)

    with hostile(behave) as server:
        found = sample(choose_sampler(tuned, server.address, adapter=adapter).sampler)
        with pytest.raises(UsageError, match="serves other weights"):
            choose_sampler(tuned, server.address)  # the base answers under its own name
    assert found == sample(open_sampler(tuned, "hf"))
    assert found != sample(open_sampler(tiny_hf, "hf"))

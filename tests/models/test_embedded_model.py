"""The embedded model itself, through both engines."""

import pytest
import torch

from selfteach.models.hf import HfModel
from selfteach.models.openvino import OpenVino
from selfteach.models.tokens import PLAIN_NAME
from selfteach.records import Continuations, Request, SamplingParams, make_prompt

pytestmark = pytest.mark.slow
PROMPTS = [
    "Name three animals.",
    "What is the capital of France?",
    "Write a short poem about rain.",
    "Explain why the sky is blue.",
    "How do I cook rice?",
    "Tell me a story about a king.",
    "What is 12 plus 30?",
    "Give me three tips for a good night's sleep.",
    "Who wrote Hamlet?",
    "List five fruits.",
    "What should I pack for a hike?",
    "Describe the sea.",
    "What does a baker do?",
    "Why do leaves fall in autumn?",
    "How does a bicycle stay upright?",
    "Say something kind.",
]


@pytest.fixture(scope="module")
def exact(embedded):
    return HfModel.load(embedded, dtype="float32", device="cpu")


def sample(sampler, requests):
    return {completion.id: completion.text for completion in sampler.stream(requests)}


def test_it_is_a_whole_model_with_its_own_template(exact):
    assert exact.tokens.template != PLAIN_NAME
    assert exact.notes == []
    assert exact.context_tokens == 8192
    assert exact.tokenizer.decode(exact.encode(make_prompt("Hi"))).endswith(
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )
    [(_, (paris, london))] = exact.stream_scores(
        [Continuations("The capital of France is", (" Paris", " London"))]
    )
    assert paris.logp > london.logp + 2


def test_greedy_answers_of_openvino_equal_those_of_torch(exact, tmp_path):
    requests = [
        Request("s", make_prompt(text), SamplingParams(0.0, max_tokens=32)) for text in PROMPTS
    ]
    oracle = sample(exact, requests)
    found = sample(OpenVino(exact, tmp_path, precision="f32"), requests)
    assert sum(found[id] == text for id, text in oracle.items()) >= 15


def test_completions_in_bfloat16_are_mostly_the_same_alone_and_in_another_batch(exact, tmp_path):
    """A near tie between two tokens may fall the other way; that of one in eight, not more."""
    sampler = OpenVino(exact, tmp_path, precision="bf16")
    requests = [
        Request("s", make_prompt(text), SamplingParams(max_tokens=32), draw=k)
        for text in PROMPTS[:8]
        for k in range(2)
    ]
    together = sample(sampler, requests)
    halves = sample(sampler, requests[1::2]) | sample(sampler, requests[0::2])
    alone = {
        id: text for request in requests[:3] for id, text in sample(sampler, [request]).items()
    }
    assert sum(halves[id] == text for id, text in together.items()) >= 14
    assert sum(together[id] == text for id, text in alone.items()) >= 2


def test_weights_are_finite_and_saved_in_bfloat16(embedded):
    from safetensors import safe_open

    with safe_open(embedded / "model.safetensors", "pt") as weights:
        for name in weights.keys():  # noqa: SIM118  a file, not a mapping
            tensor = weights.get_tensor(name)
            assert tensor.dtype == torch.bfloat16
            assert bool(tensor.isfinite().all())

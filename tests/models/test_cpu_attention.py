"""Our attention for scoring against torch's, and the memory that is kept."""

import sys

import pytest
import torch

import warm
from selfteach.models.cpu_attention import TREE_ATTENTION, tree_attention, use_tree_attention
from selfteach.models.hf import HfModel
from selfteach.records import Continuations


def test_it_equals_torch_with_grouped_heads_and_a_mask():
    torch.manual_seed(0)
    query = torch.randn(3, 4, 5, 16)
    key = torch.randn(3, 2, 9, 16)
    value = torch.randn(3, 2, 9, 16)
    seen = torch.rand(3, 1, 5, 9) < 0.6
    seen[..., 0] = True
    mask = torch.zeros(seen.shape).masked_fill_(~seen, torch.finfo(torch.float32).min)
    oracle = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=seen, enable_gqa=True, scale=0.3
    )
    found, _ = tree_attention(None, query, key, value, mask, scaling=0.3)
    torch.testing.assert_close(found, oracle.transpose(1, 2))


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "mistral", "granite"])
def test_scores_in_bfloat16_stay_near_those_in_float32(family, make_tiny, tmp_path):
    folder = make_tiny(tmp_path, family=family)
    items = [
        Continuations(f"Question: {text} Answer:", (" Yes.", " I like bread."))
        for text in ("Hello", "Tell me about music.")
    ]
    exact, rough = (
        dict(HfModel.load(folder, dtype=dtype, device="cpu").stream_scores(items))
        for dtype in ("float32", "bfloat16")
    )
    for id, scores in exact.items():
        for one, other in zip(scores, rough[id], strict=True):
            assert other.logp == pytest.approx(
                one.logp, abs=0.05 * one.tokens + 0.02 * abs(one.logp)
            )


def test_the_modules_own_attention_comes_back(tiny):
    model = HfModel.load(tiny, dtype="bfloat16", device="cpu")
    before = model.module.config._attn_implementation
    with use_tree_attention(model.module):
        assert model.module.config._attn_implementation == TREE_ATTENTION
    assert model.module.config._attn_implementation == before != TREE_ATTENTION


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_kept_pages_are_not_asked_for_again():
    code = """
import resource, torch
from selfteach.models.memory_allocator import keep_freed_pages
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10): torch.ones(1 << 24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
fresh = faults()
assert keep_freed_pages()
faults()
print(faults() * 10 < fresh)
"""
    done = warm.run(["-c", code])
    assert done.stdout == "True\n", done.stderr

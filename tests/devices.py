"""The devices that a test runs on: the CPU, and CUDA where there is one."""

import pytest
import torch

every_device = pytest.mark.parametrize(
    "device",
    [
        "cpu",
        pytest.param(
            "cuda",
            marks=pytest.mark.skipif(
                not torch.cuda.is_available(), reason="needs CUDA, and `make test-cuda`"
            ),
        ),
    ],
)

"""Fast pieces of a training step. tests/train/reference_path.py computes the same plainly, and
test_reference_path.py compares both.
"""

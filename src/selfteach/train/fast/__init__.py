"""Fast pieces of a training step. Each computes what ../reference_path.py computes plainly, and
tests/train/test_reference_path.py holds it to that.
"""

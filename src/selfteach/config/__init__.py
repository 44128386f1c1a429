"""Configuration: YAML and `--set a.b=c` become frozen models. A key that no code reads is a defect; tests/test_config.py looks for it."""

from selfteach.config.methods import (
    METHODS,
    Ask,
    Balance,
    Correct,
    Corrections,
    CorrectionsExam,
    Criticism,
    Exam,
    Feedback,
    Judge,
    Keep,
    Probe,
    Search,
)
from selfteach.config.resolve import Resolved, dump, flatten, resolve
from selfteach.config.safe_yaml import load_yaml, parse_yaml
from selfteach.config.sections import Section
from selfteach.config.training import Bottleneck, ClosedForm, Correction, Layers, Lora, Prompt, Reft, Train

__all__ = [
    "METHODS",
    "Ask",
    "Balance",
    "Bottleneck",
    "ClosedForm",
    "Correct",
    "Correction",
    "Corrections",
    "CorrectionsExam",
    "Criticism",
    "Exam",
    "Feedback",
    "Judge",
    "Keep",
    "Layers",
    "Lora",
    "Probe",
    "Prompt",
    "Reft",
    "Resolved",
    "Search",
    "Section",
    "Train",
    "dump",
    "flatten",
    "load_yaml",
    "parse_yaml",
    "resolve",
]

"""Configuration: YAML and `--set a.b=c` become frozen models.

A key that no code reads is a defect. tests/test_config.py looks for such keys.
"""

from selfteach.config.documents import (
    DocumentsConfig,
    StudyConfig,
)
from selfteach.config.methods import (
    METHOD_CONFIGS,
    CorrectionsConfig,
    FeedbackConfig,
    FeedbackExamConfig,
    FilterConfig,
    FinetuneConfig,
    SearchConfig,
    TasksConfig,
)
from selfteach.config.resolve import (
    ResolvedConfig,
    describe_key,
    dump_config,
    flatten_keys,
    list_settings,
    list_unread,
    resolve,
)
from selfteach.config.safe_yaml import load_yaml, parse_yaml
from selfteach.config.sections import Section
from selfteach.config.training import (
    CHANGEABLE_SETTINGS,
    BottleneckConfig,
    ClosedFormConfig,
    CorrectionLossConfig,
    LayersConfig,
    LoraConfig,
    PromptConfig,
    ReftConfig,
    TrainConfig,
)

__all__ = [
    "CHANGEABLE_SETTINGS",
    "METHOD_CONFIGS",
    "BottleneckConfig",
    "ClosedFormConfig",
    "CorrectionLossConfig",
    "CorrectionsConfig",
    "DocumentsConfig",
    "FeedbackConfig",
    "FeedbackExamConfig",
    "FilterConfig",
    "FinetuneConfig",
    "LayersConfig",
    "LoraConfig",
    "PromptConfig",
    "ReftConfig",
    "ResolvedConfig",
    "SearchConfig",
    "Section",
    "StudyConfig",
    "TasksConfig",
    "TrainConfig",
    "describe_key",
    "dump_config",
    "flatten_keys",
    "list_settings",
    "list_unread",
    "load_yaml",
    "parse_yaml",
    "resolve",
]

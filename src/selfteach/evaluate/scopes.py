"""The scopes of prompts: where the material applies, close to it, and any other subject.

Source: C3PO (arXiv 2402.10893).
"""

TARGET = "target"
NEAR = "near"
GENERAL = "general"

"""The loop, its objectives as pure functions, its adapters, and what makes it fast. It knows no
method by name.
"""

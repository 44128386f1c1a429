"""The exam: rule kept, answers unharmed, sanity, drift; always beside the base and the rule in the
prompt.
"""

"""A student: a base and its lessons in order, each of which can be examined again, switched off and
taken back.
"""

"""Methods: from material to examples, and on to an adapter and an exam. The only room that joins
rooms. Each reads like its paper.
"""

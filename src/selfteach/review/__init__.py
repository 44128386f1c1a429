"""A person looks at answers and corrects them, in a local page or in the terminal. A decision is on
disk before it is shown as saved.
"""

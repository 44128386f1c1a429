"""The bodies of the commands, one module each.

`cli` imports a module only when its command runs.
"""

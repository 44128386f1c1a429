"""`python -m selfteach`."""

from selfteach.cli import main

main()

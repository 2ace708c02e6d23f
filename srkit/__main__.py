"""`python -m srkit` is `srkit`."""

from srkit.cli import main

main()

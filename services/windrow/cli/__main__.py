"""`python -m windrow.cli`: the `windrow` program by this very Python."""

from windrow.cli.main import main

main()

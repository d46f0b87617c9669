"""`python -m icltool` is the console script `icltool`."""

from icltool.cli.app import main

if __name__ == "__main__":
    main()

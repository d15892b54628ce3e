"""`python -m wattloop`: what the console script does."""

from wattloop.cli.main import main

if __name__ == "__main__":
    main()

"""`python -m loadsense` is `loadsense`."""

from loadsense.cli import main

if __name__ == "__main__":
    main()

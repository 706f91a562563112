"""The load that a class of students is: `make load`, or `python -m tests.load --help`. The test suite times nothing."""

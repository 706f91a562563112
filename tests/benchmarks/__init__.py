"""The benchmark: `make bench`, or `python -m tests.benchmarks --help`. No part of the test suite times anything."""

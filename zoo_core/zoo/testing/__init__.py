"""For authors of plugins: checks that every model has to pass, and the figures of cost beside a plugin.

- :mod:`zoo.testing.checks`: the checks, plain functions that need no pytest;
- :mod:`zoo.testing.pytest_checks`: the same as parametrised tests, in five lines;
- :mod:`zoo.testing.figures`: computes ``figures.json``.
"""

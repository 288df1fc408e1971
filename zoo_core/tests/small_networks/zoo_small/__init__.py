"""Small networks, for the tests of zoo-core."""

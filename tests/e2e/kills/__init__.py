"""Verbs that could lose data, killed at every step on real stacks. See `make test-kills`."""

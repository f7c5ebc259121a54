"""Every step of the verbs that could lose data, killed on real stacks. See `make test-kills`."""

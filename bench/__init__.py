"""Every figure that the README quotes: `make bench` measures it, beside its peers, in one run."""

"""Zero-shot proxies: what a network at its initialisation says of how well it would train, without data.

Each proxy is a function of a module on the CPU and one Gaussian input, written from its paper. They order networks for
one task; none is an accuracy.
"""

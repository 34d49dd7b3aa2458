"""The client side of the daemon: finding or starting it, the stdio forwarder, and the objects scripts use."""

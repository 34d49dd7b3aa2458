"""What scripts get over the socket."""

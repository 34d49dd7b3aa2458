"""The zero-shot check on the advisor's side: what is asked of the worker, what its answers come to, how they read."""

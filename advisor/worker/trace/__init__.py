"""From a live module and its inputs to a plain graph: the trace ladder, the vocabulary, source positions."""

"""Where the numbers of layers come from: a file's number literals are followed while its code builds a model."""

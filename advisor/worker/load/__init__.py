"""From a file to live modules: the import ladder, what is missing made up, and constructor arguments."""

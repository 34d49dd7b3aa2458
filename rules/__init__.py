"""Expert rules, one file each."""

"""Cost models behind the interface of :mod:`advisor.costs`."""

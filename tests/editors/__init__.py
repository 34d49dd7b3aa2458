"""The advisor in the editors people use: real ones, installed by ``make editors``, on the real server."""

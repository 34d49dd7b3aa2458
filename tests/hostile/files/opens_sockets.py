"""Connects to a server on this machine and to one elsewhere, over TCP, UDP and a Unix socket."""

import socket

from torch import nn

for family, kind, address in (
    (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 22)),
    (socket.AF_INET, socket.SOCK_DGRAM, ("192.0.2.1", 53)),
    (socket.AF_UNIX, socket.SOCK_STREAM, "/run/docker.sock"),
):
    with socket.socket(family, kind) as connection:
        connection.settimeout(1)
        connection.connect(address)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 64)

    def forward(self, x):
        return self.head(x)

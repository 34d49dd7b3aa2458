"""Leaves another program running, in a session of its own and with nothing of ours on its command line."""

import subprocess

from torch import nn

subprocess.Popen(["sleep", "600"], start_new_session=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 64)

    def forward(self, x):
        return self.head(x)

"""A small network for the tests in real editors: what they look for are its findings and figures."""

from torch import nn


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return self.norm(self.conv(x)).relu()


class Net(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.stem = Block(3, 32, stride=2)
        self.wide = Block(32, 68)
        self.deep = Block(68, 64)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(64, classes)

    def forward(self, x):
        x = self.deep(self.wide(self.stem(x)))
        return self.head(self.pool(x).flatten(1))

"""A small model whose audit reaches what every audit reaches: each child runs it while it waits for its request.

It uses what the convolutional networks and transformers of most files are made of, and is traced like any of them.
"""

from torch import nn


def conv_bn(inputs, outputs, kernel=3, stride=1, groups=1):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.residual = stride == 1 and inputs == outputs
        hidden = 4 * inputs
        self.body = nn.Sequential(
            conv_bn(inputs, hidden, 1), conv_bn(hidden, hidden, 3, stride, hidden), conv_bn(hidden, outputs, 1)
        )

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


class Rehearsal(nn.Module):
    def __init__(self, widths=((8, 2), (8, 1)), classes=10):
        super().__init__()
        blocks = []
        width = 3
        for outputs, stride in widths:
            blocks.append(Block(width, outputs, stride))
            width = outputs
        self.features = nn.Sequential(*blocks)
        self.norm = nn.LayerNorm(width)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.GELU(), nn.Linear(width, classes))

    def forward(self, x):
        x = self.features(x)
        x = self.norm(x.flatten(2).transpose(1, 2))
        return self.classifier(x.mean(1).reshape(x.shape[0], -1))

from __future__ import annotations

from advisor.rule import Page


class NotConstructed(Page):
    """
    ## What it does
    Reports a model whose constructor raised with every set of arguments the advisor could find: defaults, calls in
    this and other files, configuration objects, values suggested by parameter names.

    ## Why is this bad?
    The model's layers and costs are unknown.

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self, cfg):  # cfg comes from a file that only the training script reads
            super().__init__()
            self.conv = nn.Conv2d(3, cfg.width, 3)
    ```

    ## Use instead
    Say once how to build it, in a comment above the class or in `[[tool.advisor.models]]`:
    ```python
    # advisor: args=(10,) input=(1, 3, 32, 32)
    class Net(nn.Module):
        def __init__(self, classes): ...
    ```

    ## Fix safety
    No fix is offered.
    """

    code = "TRC902"
    name = "not-constructed"
    summary = "The model could not be constructed with any arguments found."

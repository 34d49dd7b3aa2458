from __future__ import annotations

from advisor.rule import Page


class PartialGraph(Page):
    """
    ## What it does
    Reports a model whose graph is incomplete: it was obtained on a lower rung of the trace ladder (layers by
    hooks, without edges, or a static reading of the source), or no output depends on any input.

    ## Why is this bad?
    Without edges there is no peak memory, no kernel fusion and no channel group: costs are sums over single
    layers and most rules stay silent. That silence is no praise.

    ## Example
    ```python
    def forward(self, x):
        y = self.features(x).detach().numpy()  # leaves torch: what follows is not connected to x
        return torch.from_numpy(y * 2)
    ```

    ## Use instead
    ```python
    def forward(self, x):
        return self.features(x) * 2
    ```

    ## Fix safety
    No fix is offered.
    """

    code = "TRC905"
    name = "partial-graph"
    summary = "Only part of the model's graph could be traced."

from __future__ import annotations

from advisor.rule import Page


class ForwardRaised(Page):
    """
    ## What it does
    Reports a model that was constructed but whose forward ran with none of the inputs tried (literal shapes in
    the file, type hints, shapes that suit the first layers, usual sizes). It shows the error and the line of the
    attempt that came furthest, and the layers up to there.

    ## Why is this bad?
    Layers after the line that raised have no shapes and no costs.

    ## Example
    ```python
    def forward(self, x):  # wants 2 x 40 spectrogram frames, which nothing in the file says
        return self.head(x.reshape(-1, 2 * 40))
    ```

    ## Use instead
    State the input once:
    ```python
    # advisor: input=(1, 2, 40)
    class Net(nn.Module): ...
    ```

    ## Fix safety
    No fix is offered.
    """

    code = "TRC903"
    name = "forward-raised"
    summary = "The model's forward ran with no input tried."

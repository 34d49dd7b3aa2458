from __future__ import annotations

from advisor.rule import Page


class BadDirective(Page):
    """
    ## What it does
    Reports an `# advisor:` comment that does not follow the grammar, belongs to no class or function that is a model,
    or names no code: the comment has no effect. Also reports a file for which `[[tool.advisor.models]]` describes a
    model that it does not define.

    ## Why is this bad?
    What it was meant to tell the advisor (how to build a model, its input, a finding to ignore) is not taken into
    account, and the advisor guesses instead.

    ## Example
    ```python
    # advisor: input=(1, 3, size, size)
    class Net(nn.Module): ...
    ```

    ## Use instead
    Values are literals; they are never evaluated:
    ```python
    # advisor: input=(1, 3, 224, 224)
    class Net(nn.Module): ...
    ```

    ## Fix safety
    No fix is offered.
    """

    code = "TRC906"
    name = "bad-directive"
    summary = "An advisor comment has no effect."

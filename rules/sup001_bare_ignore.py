from __future__ import annotations

from advisor.rule import Page


class BareIgnore(Page):
    """
    ## What it does
    Reports `# advisor: ignore` without a code. The comment suppresses nothing.

    ## Why is this bad?
    A bare comment would hide every finding that this line will ever have, whoever edits it next, on targets
    nobody has looked at yet.

    ## Example
    ```python
    self.conv = nn.Conv2d(60, 60, 3)  # advisor: ignore
    ```

    ## Use instead
    ```python
    self.conv = nn.Conv2d(60, 60, 3)  # advisor: ignore[CHN101]
    ```

    ## Fix safety
    No fix is offered: which finding is meant is the author's to say.
    """

    code = "SUP001"
    name = "bare-ignore"
    summary = "An ignore comment names no code."

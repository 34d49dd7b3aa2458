from __future__ import annotations

from advisor.rule import Page


class UnusedIgnore(Page):
    """
    ## What it does
    Reports a code in `# advisor: ignore[...]` that suppressed no finding on its line, for any audited target, though
    the code was selected and the file was traced. Within a call over several lines the comment may stand on any of
    them. Also reports a code that does not exist.

    ## Why is this bad?
    A comment left behind hides the same problem should it come back.

    ## Example
    ```python
    self.conv = nn.Conv2d(64, 64, 3)  # advisor: ignore[CHN101]
    ```

    ## Use instead
    ```python
    self.conv = nn.Conv2d(64, 64, 3)
    ```

    ## Fix safety
    Removing the comment changes nothing but the comment. Audit with all of the project's targets before: a finding
    may exist on one of them only.
    """

    code = "SUP002"
    name = "unused-ignore"
    summary = "An ignore comment suppresses nothing."

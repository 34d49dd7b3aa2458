from __future__ import annotations

from advisor.rule import Page


class NotImported(Page):
    """
    ## What it does
    Reports a file that could not be parsed or imported, with the line that raised. What the file defines before
    that line is still analysed where possible.

    ## Why is this bad?
    Nothing after that line was seen: no layer of it has a cost, and no other finding can stand there.

    ## Example
    ```python
    from mypackage.blocks import ConvBlock  # ModuleNotFoundError: no such package in this interpreter
    ```

    ## Use instead
    Run the advisor with the interpreter that has the project's dependencies, or name it in the configuration:
    ```toml
    [tool.advisor]
    python = ".venv/bin/python"
    ```

    ## Fix safety
    No fix is offered.
    """

    code = "TRC901"
    name = "not-imported"
    summary = "The file could not be parsed or imported."

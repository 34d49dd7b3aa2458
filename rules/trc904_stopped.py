from __future__ import annotations

from advisor.rule import Page


class Stopped(Page):
    """
    ## What it does
    Reports a file whose analysis had to be stopped: it used up its time or memory, started too many processes, left
    the interpreter (`os._exit`, `sys.exit`) or crashed it (a segmentation fault). Also reports a file that was
    analysed to its end and left processes running.

    ## Why is this bad?
    User code runs in a contained process of its own; when that process dies, the models that were not traced
    by then stay unknown. A model that stops its process costs only itself: the others are analysed without it.
    Everything the file started has been ended; processes left running had done nothing for its models.

    ## Example
    ```python
    train(Net(), epochs=90)  # at module level: runs on import, until the time limit


    class Net(nn.Module): ...
    ```

    ## Use instead
    ```python
    if __name__ == "__main__":
        train(Net(), epochs=90)
    ```
    or raise the limits (`time-limit`, `memory-limit`) if the model really needs them.

    ## Fix safety
    No fix is offered.
    """

    code = "TRC904"
    name = "stopped"
    summary = "The file's analysis was stopped: time, memory, processes or a crash."

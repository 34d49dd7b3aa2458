"""What executes user code, in a process of its own: standard library and the user's torch, nothing else.

``main.py`` is launched by path under the user's interpreter and loads this folder as the private package
``_advisor_worker``, so that no module here hides one of the user's.
"""

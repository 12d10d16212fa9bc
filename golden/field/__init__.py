"""Softmax approximations of others, as golden models: one module a method.

Each is written from the paper, or from the authors' description where there is no paper, and says
in its docstring where that is and what had to be chosen because it does not say it. All widths are
those of the configuration's formats, so that a method runs on its authors' number grid and on
another one alike; the configurations are ``configs/field/*.toml``. ``docs/field.md`` has what each
costs, how far it is from softmax, and how it was checked against a public implementation.
"""

"""A loop of transformer blocks as compiled C++, for CPUs: the numbers of `icltool.networks.layers` to rounding.

`loop.cpp` and its headers are the kernel, `library` loads it, `loop_function` makes it a differentiable function.
"""

"""The transformer block as compiled C++: optional, for CPUs; the same numbers as `icltool.models.layers` to rounding.

`block.cpp` and its headers are the kernel, `library` loads it, `block_function` makes it a differentiable function.
"""

"""One loop of transformer blocks as compiled C++, for CPUs: the numbers of `icltool.networks.layers` to rounding.

`loop.cpp` and its headers are the kernels, `library` loads them, `loop_function` makes one differentiable function.

The contract between Python and C++, stated here once. B prompts, t tokens, D width, H heads, r = t / step tokens at
which the last block is computed (every step-th):

- What it computes: x = (state | state + prompt | state ⊙ prompt) + positions, then the blocks, then the final
  LayerNorm, forward and backward. Attention is causal, GELU in its tanh form. A loop may lack positions and the final
  LayerNorm.
- Parameters: each block's in the order of `Block.in_order` (`Weights` in block.h), then the final LayerNorm's weight
  and bias, then the positions [t, D]. The gradients come back in the same order.
- Kept for backward: the tensors of `Kept` for each block, and the stream before the final LayerNorm. Computed again:
  the LayerNorms, the attention weights (from the scores and their log Σ exp) and the GELU. Without gradients nothing
  is kept.
- Types: the state, the prompt, the results and all gradients are float32. Under bf16 the operands of the products of
  tokens and weights are bfloat16, and so are `Kept`'s query, key_value, attended and pre_gelu. Sums, the products
  inside attention, LayerNorms, softmax and the residual stream stay float32.
- When they fit (`kernels_fit`): on a CPU, where the state is float32, or under autocast where torch's library has bf16
  products; the width is a multiple of `WIDTH_MULTIPLE`, and `step` divides the number of tokens. Tensors are
  contiguous; no other alignment is needed.
- Threads: as many as torch has. Each takes a fixed, consecutive share of the prompts and adds up weight gradients of
  its own, which are summed in the order of the threads. So on one machine the bytes of every result depend on the
  arguments and the number of threads alone.

`library.agreement` lists the numbers that both sides state; C++'s are compared with it when the library is loaded.
"""

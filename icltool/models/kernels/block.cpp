// A transformer block, forward and backward, a few prompts at a time, so that everything between two matrix products
// stays in a core's cache. Fused: LayerNorm, biases, residuals, causal softmax, GELU and their gradients.
//
// Operands of the products of tokens and weights are float, or bfloat16; sums, norms, softmax and residuals are float.
// Threads take fixed shares of the prompts and add up weight gradients of their own, so results depend on the number
// of threads alone.

#include "block_backward.h"
#include "block_forward.h"

namespace icltool {

// Calls act(thread, group) for all prompts, some at a time.
template <class Act>
void for_groups(const Sizes& sizes, Act act) {
  const int64_t at_once = std::max<int64_t>(1, TOKENS_AT_ONCE / sizes.tokens);
#pragma omp parallel for num_threads(sizes.threads) schedule(static)
  for (int64_t thread = 0; thread < sizes.threads; ++thread) {
    const int64_t end = sizes.prompts * (thread + 1) / sizes.threads;
    for (int64_t first = sizes.prompts * thread / sizes.threads; first < end; first += at_once)
      act(thread, Group{sizes, first, std::min(at_once, end - first)});
  }
}

}  // namespace icltool

using namespace icltool;

extern "C" {

int has_bf16() { return cblas_gemm_bf16bf16f32 != nullptr; }

// x [B, t, D] to out [B, r, D].
void forward(const Sizes* sizes, int bf16, const Weights* weights, const float* x, float* out, const Kept* kept) {
  for_groups(*sizes, [&](int64_t, const Group& group) {
    (bf16 ? block_forward<Brain> : block_forward<float>)(group, *weights, x, out, *kept);
  });
}

// grad_out [B, r, D] to grad_x [B, t, D]; adds to grad_weights [threads, weights in the order of Weights].
void backward(
    const Sizes* sizes, int bf16, const Weights* weights, const float* x, const Kept* kept, const float* grad_out,
    float* grad_x, float* grad_weights) {
  const int64_t D = sizes->width, count = (4 + 2 * HIDDEN) * D * D + (9 + HIDDEN) * D;
  for_groups(*sizes, [&](int64_t thread, const Group& group) {
    const Gradients grads(grad_weights + thread * count, D);
    (bf16 ? block_backward<Brain> : block_backward<float>)(group, *weights, x, *kept, grad_out, grad_x, grads);
  });
}
}

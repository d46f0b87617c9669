// A loop of the looped transformer, forward and backward, a few prompts at a time, so that everything between two matrix
// products stays in a core's cache. Fused: injection, LayerNorms, biases, residuals, causal softmax, GELU and their
// gradients.
//
// Operands of the products of tokens and weights are float, or bfloat16; sums, norms, softmax and residuals are float.
// Threads take fixed shares of the prompts and add up weight gradients of their own, so results depend on the number
// of threads alone.

#include "loop.h"

namespace icltool {

// Calls act(thread, first, count) for all prompts, some at a time.
template <class Act>
void for_groups(const Loop& loop, Act act) {
  const int64_t at_once = std::max<int64_t>(1, TOKENS_AT_ONCE / loop.sizes.tokens), prompts = loop.sizes.prompts;
  ++Packs::calls;
#pragma omp parallel for num_threads(loop.threads) schedule(static)
  for (int64_t thread = 0; thread < loop.threads; ++thread) {
    const int64_t end = prompts * (thread + 1) / loop.threads;
    for (int64_t first = prompts * thread / loop.threads; first < end; first += at_once)
      act(thread, first, std::min(at_once, end - first));
  }
}

}  // namespace icltool

using namespace icltool;

extern "C" {

int has_bf16() { return cblas_gemm_bf16bf16f32 != nullptr; }

// To out [B, r, D]; weights and kept for each layer.
void forward(const Loop* loop, int bf16, const Weights* weights, const Kept* kept, float* out) {
  const auto pass = bf16 ? loop_forward<Brain> : loop_forward<float>;
  for_groups(*loop, [&](int64_t, int64_t first, int64_t count) { pass(*loop, first, count, weights, kept, out); });
}

// grad_out [B, r, D] to grad_x [B, t, D], and added to grad_weights [threads, count]: each layer's in the order of
// Weights, the final norm's, the positions'.
void backward(
    const Loop* loop, int bf16, const Weights* weights, const Kept* kept, const float* grad_out, float* grad_x,
    float* grad_weights, int64_t count) {
  const auto pass = bf16 ? loop_backward<Brain> : loop_backward<float>;
  for_groups(*loop, [&](int64_t thread, int64_t first, int64_t prompts) {
    pass(*loop, first, prompts, weights, kept, grad_out, grad_x, grad_weights + thread * count);
  });
}
}

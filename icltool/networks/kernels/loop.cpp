// The library's entry points: one loop of transformer blocks, forward and backward, a few prompts at a time.
//
// Fused between the matrix products: injection, LayerNorms, biases, residuals, causal softmax, GELU and their
// gradients. kernels/__init__.py states the contract with Python: types, orders, threads.

#include <algorithm>
#include <iterator>

#include "contract.h"
#include "loop.h"

namespace icltool {

// Calls act(thread, first, count) for all prompts, some at a time. A thread takes a fixed share of the prompts.
template <class Act>
void for_groups(const Loop& loop, Act act) {
  const int64_t at_once = std::max<int64_t>(1, TOKENS_AT_ONCE / loop.sizes.tokens), prompts = loop.sizes.prompts;
  ++PackedWeights::call;
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

// The number of facts; writes them to `facts` unless that is null.
int contract(Fact* facts) {
  if (facts) std::copy(std::begin(CONTRACT), std::end(CONTRACT), facts);
  return std::size(CONTRACT);
}

// Whether the library that torch brings has products of bfloat16.
int has_bf16() { return cblas_gemm_bf16bf16f32 != nullptr; }

// Writes out [B, r, D]; `weights` and `kept` are each layer's.
void forward(const Loop* loop, int bf16, const Weights* weights, const Kept* kept, float* out) {
  const auto pass = bf16 ? loop_forward<Bfloat16> : loop_forward<float>;
  for_groups(*loop, [&](int64_t, int64_t first, int64_t count) { pass(*loop, first, count, weights, kept, out); });
}

// From grad_out [B, r, D]: writes grad_x [B, t, D], the gradient of what the first block gets, and adds to grad_weights
// [threads, weight_count], a row for each thread.
void backward(
    const Loop* loop, int bf16, const Weights* weights, const Kept* kept, const float* grad_out, float* grad_x,
    float* grad_weights, int64_t weight_count) {
  const auto pass = bf16 ? loop_backward<Bfloat16> : loop_backward<float>;
  for_groups(*loop, [&](int64_t thread, int64_t first, int64_t count) {
    pass(*loop, first, count, weights, kept, grad_out, grad_x, grad_weights + thread * weight_count);
  });
}
}

// One loop for one group of prompts: the prompt injected into the state, positions added, the blocks, the final
// LayerNorm.
//
//     x = (state | state + prompt | state ⊙ prompt) + positions,   out = LN(blocks(x))
//
// Legend: as in block.h. The last block and the final LayerNorm are computed at every step-th token only.
#pragma once

#include <vector>

#include "block_backward.h"
#include "block_forward.h"

extern "C" {

// How the prompt enters the state, in the order of `INJECTIONS` in loop_function.py.
enum Injection : int64_t { NO_INJECTION = 0, ADD = 1, MULTIPLY = 2 };

// `Loop` of library.py. Null positions: none are added. Null gain: there is no final LayerNorm.
struct Loop {
  Sizes sizes;
  int64_t layers;
  Injection injection;
  int64_t threads;
  const float *state, *prompt;           // [B, t, D]
  const float* positions;                // [t, D]
  const float *final_gain, *final_bias;  // [D]
  float* before_final_norm;              // [B, r, D]: kept for backward; null where nothing is kept
};
}

namespace icltool {

// The sizes of a layer: all but the last are computed at every token.
inline Sizes layer_sizes(const Loop& loop, int64_t layer) {
  Sizes sizes = loop.sizes;
  if (layer + 1 < loop.layers) sizes.step = 1;
  return sizes;
}

// x [t, D] of the group's prompts, as at the top of this file.
inline void inject(const Loop& loop, const Group& group, float* x) {
  const int64_t D = loop.sizes.width, t = loop.sizes.tokens, offset = group.token_rows_before() * D;
  const float *state = loop.state + offset, *prompt = loop.prompt + offset;
  for (int64_t row = 0; row < group.token_rows(); ++row)
    for (int64_t i = row * D; i < (row + 1) * D; i += LANES) {
      Vector value = load(state + i);
      if (loop.injection == ADD) value += load(prompt + i);
      if (loop.injection == MULTIPLY) value *= load(prompt + i);
      if (loop.positions) value += load(loop.positions + i - (row - row % t) * D);
      store(value, x + i);
    }
}

// Writes the `out` [B, r, D] of `count` prompts from `first` on; `weights` and `kept` are each layer's.
template <class Stored>
void loop_forward(
    const Loop& loop, int64_t first, int64_t count, const Weights* weights, const Kept* kept, float* out) {
  const int64_t D = loop.sizes.width;
  const Group group{loop.sizes, first, count};
  const int64_t tokens_before = group.token_rows_before(), queries_before = group.query_rows_before();
  Scratch scratch(group.scratch_bytes(loop.layers));
  const float* x = nullptr;
  float* next = scratch.kept_or_taken<float>(kept[0].input, tokens_before * D, group.token_rows() * D);
  inject(loop, group, next);
  for (int64_t layer = 0; layer < loop.layers; ++layer) {
    const Sizes sizes = layer_sizes(loop, layer);
    x = next;
    next = layer + 1 < loop.layers
               ? scratch.kept_or_taken<float>(kept[layer + 1].input, tokens_before * D, group.token_rows() * D)
               : scratch.kept_or_taken<float>(loop.before_final_norm, queries_before * D, group.query_rows() * D);
    block_forward<Stored>(Group{sizes, first, count}, weights[layer], x, next, kept[layer], scratch);
  }
  out += queries_before * D;
  const int64_t query_rows = group.query_rows();
  const Moments moments{scratch.take<float>(query_rows), scratch.take<float>(query_rows)};
  if (loop.final_gain)
    layer_norm(query_rows, D, next, loop.final_gain, loop.final_bias, loop.sizes.epsilon, moments, out);
  else
    std::copy(next, next + query_rows * D, out);
}

// Writes the gradient of x to grad_x [B, t, D], for `count` prompts from `first` on; those of state and prompt follow
// from it. Adds to grad_weights: each layer's as `WeightGradients`, then the final LayerNorm's, then the positions'.
template <class Stored>
void loop_backward(
    const Loop& loop, int64_t first, int64_t count, const Weights* weights, const Kept* kept, const float* grad_out,
    float* grad_x, float* grad_weights) {
  const int64_t D = loop.sizes.width, t = loop.sizes.tokens;
  const Group group{loop.sizes, first, count};
  const int64_t query_rows = group.query_rows(), queries_before = group.query_rows_before();
  Scratch scratch(group.scratch_bytes(loop.layers));
  std::vector<WeightGradients> grads;
  for (int64_t layer = 0; layer < loop.layers; ++layer) grads.emplace_back(grad_weights, D);
  const float* grad = grad_out + queries_before * D;
  if (loop.final_gain) {
    const float* before_final_norm = loop.before_final_norm + queries_before * D;
    const Moments moments{scratch.take<float>(query_rows), scratch.take<float>(query_rows)};
    float* grad_before_norm = scratch.take<float>(query_rows * D);
    find_moments(query_rows, D, before_final_norm, loop.sizes.epsilon, moments);
    std::fill(grad_before_norm, grad_before_norm + query_rows * D, 0.0f);
    layer_norm_backward(
        query_rows, D, grad, before_final_norm, loop.final_gain, moments, grad_before_norm, grad_weights,
        grad_weights + D);
    grad_weights += 2 * D;
    grad = grad_before_norm;
  }
  grad_x += group.token_rows_before() * D;
  // A layer reads the gradient of its output in one buffer and writes that of its input to the other.
  float* buffers[2] = {scratch.take<float>(group.token_rows() * D), scratch.take<float>(group.token_rows() * D)};
  for (int64_t layer = loop.layers - 1; layer >= 0; --layer) {
    const Sizes sizes = layer_sizes(loop, layer);
    float* grad_input = layer ? buffers[layer % 2] : grad_x;
    block_backward<Stored>(
        Group{sizes, first, count}, weights[layer], kept[layer], grad, grad_input, grads[layer], scratch);
    grad = grad_input;
  }
  if (loop.positions)
    for (int64_t prompt = 0; prompt < count; ++prompt) add_column_sums(1, t * D, grad_x + prompt * t * D, grad_weights);
}

}  // namespace icltool

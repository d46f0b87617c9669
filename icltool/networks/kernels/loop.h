// One loop: the prompt injected into the state, positions added, the blocks, the final LayerNorm; for one group.
//
//     x = (state | state + prompt | state ⊙ prompt) + positions,   out = LN(blocks(x))
//
// The last block, and the norm, are computed at every step-th token only. Null positions and null gain: none.
#pragma once

#include <vector>

#include "block_backward.h"
#include "block_forward.h"

extern "C" {

enum Injection : int64_t { NOTHING = 0, ADD = 1, MULTIPLY = 2 };

struct Loop {
  Sizes sizes;
  int64_t layers;
  Injection injection;
  int64_t threads;
  const float *state, *prompt;         // [B, t, D]
  const float* positions;              // [t, D]
  const float *final_gain, *final_bias;  // [D]
  float* stream;                       // kept: [B, r, D], before the final norm
};
}

namespace icltool {

// The sizes of a layer: all but the last are computed at every token.
inline Sizes layer_sizes(const Loop& loop, int64_t layer) {
  Sizes sizes = loop.sizes;
  if (layer + 1 < loop.layers) sizes.step = 1;
  return sizes;
}

inline void inject(const Loop& loop, const Group& group, float* x) {
  const int64_t D = loop.sizes.width, t = loop.sizes.tokens, skip = group.rows_before() * D;
  const float *state = loop.state + skip, *prompt = loop.prompt + skip;
  for (int64_t row = 0; row < group.rows(); ++row)
    for (int64_t i = row * D; i < (row + 1) * D; i += LANES) {
      Lanes sum = load(state + i);
      if (loop.injection == ADD) sum += load(prompt + i);
      if (loop.injection == MULTIPLY) sum *= load(prompt + i);
      if (loop.positions) sum += load(loop.positions + i - (row - row % t) * D);
      store(sum, x + i);
    }
}

template <class Stored>
void loop_forward(const Loop& loop, int64_t first, int64_t count, const Weights* weights, const Kept* kept, float* out) {
  const int64_t D = loop.sizes.width;
  const Group whole{loop.sizes, first, count};
  Scratch scratch(whole.scratch_bytes(loop.layers));
  const float* x = nullptr;
  float* next = scratch.place<float>(kept[0].input, whole.rows_before() * D, whole.rows() * D);
  inject(loop, whole, next);
  for (int64_t layer = 0; layer < loop.layers; ++layer) {
    const Sizes sizes = layer_sizes(loop, layer);
    const Group group{sizes, first, count};
    x = next;
    next = layer + 1 < loop.layers ? scratch.place<float>(kept[layer + 1].input, whole.rows_before() * D, whole.rows() * D)
                                   : scratch.place<float>(loop.stream, whole.asked_before() * D, whole.asked() * D);
    block_forward<Stored>(group, weights[layer], x, next, kept[layer], scratch);
  }
  out += whole.asked_before() * D;
  const Moments moments{scratch.take<float>(whole.asked()), scratch.take<float>(whole.asked())};
  if (loop.final_gain)
    layer_norm(whole.asked(), D, next, loop.final_gain, loop.final_bias, loop.sizes.epsilon, moments, out);
  else
    std::copy(next, next + whole.asked() * D, out);
}

// Writes the gradient of x to grad_x; those of state and prompt follow from it.
template <class Stored>
void loop_backward(
    const Loop& loop, int64_t first, int64_t count, const Weights* weights, const Kept* kept, const float* grad_out,
    float* grad_x, float* grad_weights) {
  const int64_t D = loop.sizes.width, t = loop.sizes.tokens;
  const Group whole{loop.sizes, first, count};
  Scratch scratch(whole.scratch_bytes(loop.layers));
  std::vector<Gradients> grads;
  for (int64_t layer = 0; layer < loop.layers; ++layer) grads.emplace_back(grad_weights, D);
  const float* grad = grad_out + whole.asked_before() * D;
  if (loop.final_gain) {
    const float* stream = loop.stream + whole.asked_before() * D;
    const Moments moments{scratch.take<float>(whole.asked()), scratch.take<float>(whole.asked())};
    float* grad_stream = scratch.take<float>(whole.asked() * D);
    find_moments(whole.asked(), D, stream, loop.sizes.epsilon, moments);
    std::fill(grad_stream, grad_stream + whole.asked() * D, 0.0f);
    layer_norm_backward(
        whole.asked(), D, grad, stream, loop.final_gain, moments, grad_stream, grad_weights, grad_weights + D);
    grad_weights += 2 * D;
    grad = grad_stream;
  }
  grad_x += whole.rows_before() * D;
  float* between[2] = {scratch.take<float>(whole.rows() * D), scratch.take<float>(whole.rows() * D)};
  for (int64_t layer = loop.layers - 1; layer >= 0; --layer) {
    const Sizes sizes = layer_sizes(loop, layer);
    float* place = layer ? between[layer % 2] : grad_x;
    block_backward<Stored>(
        Group{sizes, first, count}, weights[layer], kept[layer], grad, place, grads[layer], scratch);
    grad = place;
  }
  if (loop.positions)
    for (int64_t prompt = 0; prompt < count; ++prompt) add_column_sums(1, t * D, grad_x + prompt * t * D, grad_weights);
}

}  // namespace icltool

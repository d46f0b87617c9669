// h = x + attention(LN x),   out = h + narrow(GELU(widen(LN h))), of one group of prompts.
// `x` and `out` are the group's own.
#pragma once

#include "block.h"
#include "rows.h"

namespace icltool {

template <class Stored>
void block_forward(
    const Group& group, const Weights& weights, const float* x, float* out, const Kept& kept, Scratch scratch) {
  const Sizes& sizes = group.sizes;
  const int64_t D = sizes.width, W = HIDDEN * D, H = sizes.heads, step = sizes.step;
  const int64_t rows = group.rows(), asked = group.asked(), before = group.asked_before();
  const auto matrix = [](const void* values) { return static_cast<const Stored*>(values); };
  float* log_sum = scratch.place<float>(kept.log_sum, before * H, asked * H);
  float* middle = scratch.place<float>(kept.middle, before * D, asked * D);
  const Moments moments{scratch.take<float>(rows), scratch.take<float>(rows)};
  Stored* normed = scratch.take<Stored>(rows * D);

  layer_norm(rows, D, x, weights.norm_gain, weights.norm_bias, sizes.epsilon, moments, normed);
  const auto project = [&](int64_t count, int64_t every, int64_t first, int64_t width, void* place, int64_t skip) {
    Stored* result = scratch.place<Stored>(place, skip * width, count * width);
    float* sum = scratch.floats_of(result, count * width);
    repeat_bias(count, width, weights.query_key_value_bias + first, sum);
    multiply_weight(
      TRANSPOSED, count, width, D, {normed, every * D}, {matrix(weights.query_key_value) + first * D, D},
        {sum, width}, true);
    convert(count * width, sum, result);
    return sum;
  };
  const float* query = project(asked, step, 0, D, kept.query, before);
  const float* key_value = project(rows, 1, D, 2 * D, kept.key_value, group.rows_before());
  Stored* mixed = scratch.place<Stored>(kept.mixed, before * D, asked * D);
  float* float_mixed = scratch.floats_of(mixed, asked * D);
  for_heads(group, query, key_value, [&](int64_t prompt, int64_t index, const Head& head) {
    float* place = float_mixed + prompt * head.queries * D + index * head.channels;
    attend(head, scratch, {place, D}, log_sum + (prompt * H + index) * head.queries);
  });
  convert(asked * D, float_mixed, mixed);
  add_bias(asked, D, x, step, weights.output_bias, middle);
  multiply_weight(
      TRANSPOSED, asked, D, D, {mixed, D}, {matrix(weights.output), D}, {middle, D}, true);

  layer_norm(asked, D, middle, weights.mlp_norm_gain, weights.mlp_norm_bias, sizes.epsilon, moments, normed);
  Stored* inner = scratch.place<Stored>(kept.inner, before * W, asked * W);
  float* wide = scratch.floats_of(inner, asked * W);
  multiply_weight(
      TRANSPOSED, asked, W, D, {normed, D}, {matrix(weights.widen), D}, {wide, W});
  Stored* active = scratch.take<Stored>(asked * W);
  bias_and_gelu(asked, W, wide, weights.widen_bias, inner, active);
  add_bias(asked, D, middle, 1, weights.narrow_bias, out);
  multiply_weight(
      TRANSPOSED, asked, D, W, {active, W}, {matrix(weights.narrow), W}, {out, D}, true);
}

}  // namespace icltool

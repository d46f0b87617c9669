// The gradients of a block for one group of prompts: of its input, written, and of the weights, added to.
// `grad_out` and `grad_x` are the group's own.
#pragma once

#include "block.h"
#include "rows.h"

namespace icltool {

// As Weights, all in float, one after another from `flat`, which moves on.
struct Gradients {
  float *norm_gain, *norm_bias, *query_key_value, *query_key_value_bias, *output, *output_bias, *mlp_norm_gain,
      *mlp_norm_bias, *widen, *widen_bias, *narrow, *narrow_bias;

  Gradients(float*& flat, int64_t D) {
    const auto next = [&](float*& member, int64_t count) {
      member = flat;
      flat += count;
    };
    next(norm_gain, D), next(norm_bias, D);
    next(query_key_value, 3 * D * D), next(query_key_value_bias, 3 * D);
    next(output, D * D), next(output_bias, D);
    next(mlp_norm_gain, D), next(mlp_norm_bias, D);
    next(widen, HIDDEN * D * D), next(widen_bias, HIDDEN * D);
    next(narrow, HIDDEN * D * D), next(narrow_bias, D);
  }
};

// The gradients of a linear map from rows of `in` to `out` features.
template <class Stored>
void linear_backward(
    int64_t rows, int64_t in, int64_t out, const Stored* grad_out, const Stored* x, int64_t x_stride,
    const Stored* weight, float* grad_weight, Matrix<float> grad_x, Scratch scratch, bool add = false) {
  add_sum_over_rows(out, in, rows, {grad_out, out}, {x, x_stride}, {grad_weight, in}, scratch);
  multiply_weight(AS_IS, rows, in, out, {grad_out, out}, {weight, in}, grad_x, add);
}

template <class Stored>
void block_backward(
    const Group& group, const Weights& weights, const Kept& kept, const float* grad_out, float* grad_x,
    const Gradients& grads, Scratch scratch) {
  const Sizes& sizes = group.sizes;
  const int64_t D = sizes.width, W = HIDDEN * D, H = sizes.heads, step = sizes.step;
  const int64_t rows = group.rows(), asked = group.asked(), before = group.asked_before();
  const auto matrix = [](const void* values) { return static_cast<const Stored*>(values); };
  const float* x = kept.input + group.rows_before() * D;
  const Stored* inner = matrix(kept.inner) + before * W;
  const Stored* mixed = matrix(kept.mixed) + before * D;
  const float* middle = kept.middle + before * D;
  const float* log_sum = kept.log_sum + before * H;
  const Moments moments{scratch.take<float>(rows), scratch.take<float>(rows)};
  Stored* normed = scratch.take<Stored>(rows * D);
  float* grad_normed = scratch.take<float>(rows * D);

  // The MLP.
  Stored* active = scratch.take<Stored>(asked * W);
  float *slope = scratch.take<float>(asked * W), *grad_inner = scratch.take<float>(asked * W);
  gelu_and_slope(asked * W, inner, active, slope);
  add_column_sums(asked, D, grad_out, grads.narrow_bias);
  linear_backward(
      asked, W, D, scratch.as<Stored>(grad_out, asked * D), active, W, matrix(weights.narrow), grads.narrow,
      {grad_inner, W}, scratch);
  scale_and_sum(asked, W, grad_inner, slope, grads.widen_bias);
  layer_norm(asked, D, middle, weights.mlp_norm_gain, weights.mlp_norm_bias, sizes.epsilon, moments, normed);
  linear_backward(
      asked, D, W, scratch.as<Stored>(grad_inner, asked * W), normed, D, matrix(weights.widen), grads.widen,
      {grad_normed, D}, scratch);
  float* grad_middle = scratch.take<float>(asked * D);
  std::copy(grad_out, grad_out + asked * D, grad_middle);
  layer_norm_backward(
      asked, D, grad_normed, middle, weights.mlp_norm_gain, moments, grad_middle, grads.mlp_norm_gain,
      grads.mlp_norm_bias);

  // Attention.
  float* grad_mixed = scratch.take<float>(asked * D);
  add_column_sums(asked, D, grad_middle, grads.output_bias);
  linear_backward(
      asked, D, D, scratch.as<Stored>(grad_middle, asked * D), mixed, D, matrix(weights.output), grads.output,
      {grad_mixed, D}, scratch);
  const float* query = scratch.as<float>(matrix(kept.query) + before * D, asked * D);
  const float* key_value = scratch.as<float>(matrix(kept.key_value) + group.rows_before() * 2 * D, rows * 2 * D);
  float *grad_query = scratch.take<float>(asked * D), *grad_key_value = scratch.take<float>(rows * 2 * D);
  std::fill(grad_key_value, grad_key_value + rows * 2 * D, 0.0f);
  float* agreement = scratch.take<float>(group.queries());
  for_heads(group, query, key_value, [&](int64_t prompt, int64_t index, const Head& head) {
    const int64_t here = prompt * head.queries * D + index * head.channels;
    float* grad_key = grad_key_value + prompt * head.keys * 2 * D + index * head.channels;
    agree(head.queries, head.channels, D, grad_mixed + here, mixed + here, agreement);
    attend_backward(
        head, scratch, {grad_mixed + here, D}, log_sum + (prompt * H + index) * head.queries, agreement,
        {grad_query + here, D}, {grad_key, 2 * D}, {grad_key + D, 2 * D});
  });

  // Queries, keys and values.
  layer_norm(rows, D, x, weights.norm_gain, weights.norm_bias, sizes.epsilon, moments, normed);
  add_column_sums(asked, D, grad_query, grads.query_key_value_bias);
  add_column_sums(rows, 2 * D, grad_key_value, grads.query_key_value_bias + D);
  linear_backward(
      rows, D, 2 * D, scratch.as<Stored>(grad_key_value, rows * 2 * D), normed, D,
      matrix(weights.query_key_value) + D * D, grads.query_key_value + D * D, {grad_normed, D}, scratch);
  linear_backward(
      asked, D, D, scratch.as<Stored>(grad_query, asked * D), normed, step * D, matrix(weights.query_key_value),
      grads.query_key_value, {grad_normed, step * D}, scratch, true);
  std::fill(grad_x, grad_x + rows * D, 0.0f);
  for (int64_t row = 0; row < asked; ++row)
    std::copy(grad_middle + row * D, grad_middle + (row + 1) * D, grad_x + row * step * D);
  layer_norm_backward(
      rows, D, grad_normed, x, weights.norm_gain, moments, grad_x, grads.norm_gain, grads.norm_bias);
}

}  // namespace icltool

// The gradients of a transformer block for one group of prompts: that of its input is written, those of its weights are
// added to.
//
// Legend: as in block.h; W = 4 D is the MLP's inner width. LayerNorms, GELU and attention weights are computed again.
#pragma once

#include "block.h"
#include "rows.h"

namespace icltool {

// Where the gradients of a block's weights are: as `Weights`, all float, one after another.
struct WeightGradients {
  float *attention_norm_gain, *attention_norm_bias, *query_key_value, *query_key_value_bias, *output, *output_bias,
      *mlp_norm_gain, *mlp_norm_bias, *widen, *widen_bias, *narrow, *narrow_bias;

  // Takes its part from `flat` and moves it behind that.
  WeightGradients(float*& flat, int64_t D) {
    const auto next = [&](float*& member, int64_t count) {
      member = flat;
      flat += count;
    };
    next(attention_norm_gain, D), next(attention_norm_bias, D);
    next(query_key_value, 3 * D * D), next(query_key_value_bias, 3 * D);
    next(output, D * D), next(output_bias, D);
    next(mlp_norm_gain, D), next(mlp_norm_bias, D);
    next(widen, MLP_RATIO * D * D), next(widen_bias, MLP_RATIO * D);
    next(narrow, MLP_RATIO * D * D), next(narrow_bias, D);
  }
};

// Of a linear map out = x weightᵀ with weight [out, in]: adds grad_outᵀ x to grad_weight, and writes (or adds)
// grad_out weight to grad_x. The bias's gradient is `add_column_sums` of grad_out.
template <class Stored>
void linear_backward(
    int64_t rows, int64_t in, int64_t out, const Stored* grad_out, const Stored* x, int64_t x_ld, const Stored* weight,
    float* grad_weight, Matrix<float> grad_x, Scratch scratch, bool add = false) {
  add_weight_gradient(out, in, rows, {grad_out, out}, {x, x_ld}, {grad_weight, in}, scratch);
  weight_gemm(NO_TRANS, rows, in, out, {grad_out, out}, {weight, in}, grad_x, add);
}

// From grad_out, the group's [r, D] rows, to grad_x, its [t, D] rows, and to `grads`; `kept` is the whole batch's.
template <class Stored>
void block_backward(
    const Group& group, const Weights& weights, const Kept& kept, const float* grad_out, float* grad_x,
    const WeightGradients& grads, Scratch scratch) {
  const Sizes& sizes = group.sizes;
  const int64_t D = sizes.width, W = MLP_RATIO * D, H = sizes.heads, step = sizes.step;
  const int64_t token_rows = group.token_rows(), query_rows = group.query_rows();
  const int64_t queries_before = group.query_rows_before(), tokens_before = group.token_rows_before();
  const auto matrix = [](const void* values) { return static_cast<const Stored*>(values); };
  const float* x = kept.input + tokens_before * D;
  const Stored* pre_gelu = matrix(kept.pre_gelu) + queries_before * W;
  const Stored* attended = matrix(kept.attended) + queries_before * D;
  const float* after_attention = kept.after_attention + queries_before * D;
  const float* log_sum_exp = kept.log_sum_exp + queries_before * H;
  const Moments moments{scratch.take<float>(token_rows), scratch.take<float>(token_rows)};
  Stored* normed = scratch.take<Stored>(token_rows * D);
  float* grad_normed = scratch.take<float>(token_rows * D);

  // The MLP.
  Stored* post_gelu = scratch.take<Stored>(query_rows * W);
  float *derivative = scratch.take<float>(query_rows * W), *grad_wide = scratch.take<float>(query_rows * W);
  gelu_and_derivative(query_rows * W, pre_gelu, post_gelu, derivative);
  add_column_sums(query_rows, D, grad_out, grads.narrow_bias);
  linear_backward(
      query_rows, W, D, scratch.converted<Stored>(grad_out, query_rows * D), post_gelu, W, matrix(weights.narrow),
      grads.narrow, {grad_wide, W}, scratch);
  scale_and_add_column_sums(query_rows, W, grad_wide, derivative, grads.widen_bias);
  layer_norm(
      query_rows, D, after_attention, weights.mlp_norm_gain, weights.mlp_norm_bias, sizes.epsilon, moments, normed);
  linear_backward(
      query_rows, D, W, scratch.converted<Stored>(grad_wide, query_rows * W), normed, D, matrix(weights.widen),
      grads.widen, {grad_normed, D}, scratch);
  float* grad_after_attention = scratch.take<float>(query_rows * D);
  std::copy(grad_out, grad_out + query_rows * D, grad_after_attention);
  layer_norm_backward(
      query_rows, D, grad_normed, after_attention, weights.mlp_norm_gain, moments, grad_after_attention,
      grads.mlp_norm_gain, grads.mlp_norm_bias);

  // Attention and its output projection.
  float* grad_attended = scratch.take<float>(query_rows * D);
  add_column_sums(query_rows, D, grad_after_attention, grads.output_bias);
  linear_backward(
      query_rows, D, D, scratch.converted<Stored>(grad_after_attention, query_rows * D), attended, D,
      matrix(weights.output), grads.output, {grad_attended, D}, scratch);
  const float* query = scratch.converted<float>(matrix(kept.query) + queries_before * D, query_rows * D);
  const float* key_value = scratch.converted<float>(matrix(kept.key_value) + tokens_before * 2 * D, token_rows * 2 * D);
  float *grad_query = scratch.take<float>(query_rows * D), *grad_key_value = scratch.take<float>(token_rows * 2 * D);
  std::fill(grad_key_value, grad_key_value + token_rows * 2 * D, 0.0f);
  float* delta = scratch.take<float>(group.queries_per_prompt());
  for_heads(group, query, key_value, [&](int64_t prompt, int64_t index, const Head& head) {
    const int64_t offset = prompt * head.queries * D + index * head.channels;
    float* grad_key = grad_key_value + prompt * head.keys * 2 * D + index * head.channels;
    row_dots(head.queries, head.channels, D, grad_attended + offset, attended + offset, delta);
    attention_backward(
        head, scratch, {grad_attended + offset, D}, log_sum_exp + (prompt * H + index) * head.queries, delta,
        {grad_query + offset, D}, {grad_key, 2 * D}, {grad_key + D, 2 * D});
  });

  // The projections to queries, keys and values, and both ways to the input: the residual and the LayerNorm.
  layer_norm(
      token_rows, D, x, weights.attention_norm_gain, weights.attention_norm_bias, sizes.epsilon, moments, normed);
  add_column_sums(query_rows, D, grad_query, grads.query_key_value_bias);
  add_column_sums(token_rows, 2 * D, grad_key_value, grads.query_key_value_bias + D);
  linear_backward(
      token_rows, D, 2 * D, scratch.converted<Stored>(grad_key_value, token_rows * 2 * D), normed, D,
      matrix(weights.query_key_value) + D * D, grads.query_key_value + D * D, {grad_normed, D}, scratch);
  linear_backward(
      query_rows, D, D, scratch.converted<Stored>(grad_query, query_rows * D), normed, step * D,
      matrix(weights.query_key_value), grads.query_key_value, {grad_normed, step * D}, scratch, true);
  std::fill(grad_x, grad_x + token_rows * D, 0.0f);
  for (int64_t row = 0; row < query_rows; ++row)
    std::copy(grad_after_attention + row * D, grad_after_attention + (row + 1) * D, grad_x + row * step * D);
  layer_norm_backward(
      token_rows, D, grad_normed, x, weights.attention_norm_gain, moments, grad_x, grads.attention_norm_gain,
      grads.attention_norm_bias);
}

}  // namespace icltool

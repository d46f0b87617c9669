// A transformer block for one group of prompts:
//
//     h = x + attention(LN x),   out = h + narrow(GELU(widen(LN h)))
//
// Legend: as in block.h; W = 4 D is the MLP's inner width. A linear map's bias is written first and its product added.
#pragma once

#include "block.h"
#include "rows.h"

namespace icltool {

// From x, the group's [t, D] rows, to out, its [r, D] rows; `kept` is the whole batch's.
template <class Stored>
void block_forward(
    const Group& group, const Weights& weights, const float* x, float* out, const Kept& kept, Scratch scratch) {
  const Sizes& sizes = group.sizes;
  const int64_t D = sizes.width, W = MLP_RATIO * D, H = sizes.heads, step = sizes.step;
  const int64_t token_rows = group.token_rows(), query_rows = group.query_rows();
  const int64_t queries_before = group.query_rows_before(), tokens_before = group.token_rows_before();
  const auto matrix = [](const void* values) { return static_cast<const Stored*>(values); };
  float* log_sum_exp = scratch.kept_or_taken<float>(kept.log_sum_exp, queries_before * H, query_rows * H);
  float* after_attention = scratch.kept_or_taken<float>(kept.after_attention, queries_before * D, query_rows * D);
  const Moments moments{scratch.take<float>(token_rows), scratch.take<float>(token_rows)};
  Stored* normed = scratch.take<Stored>(token_rows * D);

  // Queries at every step-th token, keys and values at all. `first` is where their rows of query_key_value begin.
  layer_norm(
      token_rows, D, x, weights.attention_norm_gain, weights.attention_norm_bias, sizes.epsilon, moments, normed);
  const auto project = [&](int64_t rows, int64_t every, int64_t first, int64_t width, void* keep, int64_t rows_before) {
    Stored* result = scratch.kept_or_taken<Stored>(keep, rows_before * width, rows * width);
    float* sum = scratch.accumulator(result, rows * width);
    repeat_bias(rows, width, weights.query_key_value_bias + first, sum);
    weight_gemm(
        TRANS, rows, width, D, {normed, every * D}, {matrix(weights.query_key_value) + first * D, D}, {sum, width},
        true);
    convert(rows * width, sum, result);
    return sum;
  };
  const float* query = project(query_rows, step, 0, D, kept.query, queries_before);
  const float* key_value = project(token_rows, 1, D, 2 * D, kept.key_value, tokens_before);

  // Attention, its output projection and the residual.
  Stored* attended = scratch.kept_or_taken<Stored>(kept.attended, queries_before * D, query_rows * D);
  float* attended_sum = scratch.accumulator(attended, query_rows * D);
  for_heads(group, query, key_value, [&](int64_t prompt, int64_t index, const Head& head) {
    float* to = attended_sum + prompt * head.queries * D + index * head.channels;
    attention_forward(head, scratch, {to, D}, log_sum_exp + (prompt * H + index) * head.queries);
  });
  convert(query_rows * D, attended_sum, attended);
  add_bias(query_rows, D, x, step, weights.output_bias, after_attention);
  weight_gemm(TRANS, query_rows, D, D, {attended, D}, {matrix(weights.output), D}, {after_attention, D}, true);

  // The MLP and the residual.
  layer_norm(
      query_rows, D, after_attention, weights.mlp_norm_gain, weights.mlp_norm_bias, sizes.epsilon, moments, normed);
  Stored* pre_gelu = scratch.kept_or_taken<Stored>(kept.pre_gelu, queries_before * W, query_rows * W);
  float* wide = scratch.accumulator(pre_gelu, query_rows * W);
  weight_gemm(TRANS, query_rows, W, D, {normed, D}, {matrix(weights.widen), D}, {wide, W});
  Stored* post_gelu = scratch.take<Stored>(query_rows * W);
  bias_and_gelu(query_rows, W, wide, weights.widen_bias, pre_gelu, post_gelu);
  add_bias(query_rows, D, after_attention, 1, weights.narrow_bias, out);
  weight_gemm(TRANS, query_rows, D, W, {post_gelu, W}, {matrix(weights.narrow), W}, {out, D}, true);
}

}  // namespace icltool

// Causal attention of one head of one prompt, forward and backward, by blocks of queries; a block reads only the keys
// that its last query sees.
//
// Legend: r queries, t keys, c channels of the head. Query i stands at token i · step and sees the keys up to it. The
// attention weights are not kept: backward computes them again from the scores and each query's log Σ exp(score).
#pragma once

#include "gemm.h"

namespace icltool {

// Queries in a block: whole row panels where the tiles are used. The scores of a block (30 by 126 keys: 15 KiB) stay in
// a first-level cache; more queries at a time also compute more of the scores above the diagonal. From 12 to 120
// queries no time stood out from the noise, about 15 %, on a loaded AMD Zen 3.
constexpr int64_t QUERY_BLOCK = USE_TILES ? 5 * TILE_ROWS : 32;

// One head of one prompt: query [r, c], key and value [t, c].
struct Head {
  int64_t queries, keys, channels, step;
  Matrix<const float> query, key, value;

  // What scores are multiplied by: 1 / √c.
  float scale() const { return 1 / std::sqrt(float(channels)); }
};

// Consecutive queries, and the number of keys that the last of them sees.
struct QueryBlock {
  int64_t first, count, visible_keys;
};

// Calls act(QueryBlock) for all queries.
template <class Act>
void for_query_blocks(const Head& head, Act act) {
  for (int64_t first = 0; first < head.queries; first += QUERY_BLOCK) {
    const int64_t count = std::min(QUERY_BLOCK, head.queries - first);
    act(QueryBlock{first, count, std::min(head.keys, (first + count - 1) * head.step + 1)});
  }
}

// The matrix from this row on.
template <class T>
Matrix<T> from_row(Matrix<T> matrix, int64_t row) {
  return {matrix.data + row * matrix.ld, matrix.ld};
}

inline Matrix<const float> as_const(Matrix<float> matrix) { return {matrix.data, matrix.ld}; }

// Room for the scores of a block; rows are padded to whole vectors.
inline Matrix<float> take_scores(int64_t keys, Scratch& scratch) {
  const int64_t ld = round_up(keys, LANES);
  return {scratch.take<float>(QUERY_BLOCK * ld), ld};
}

// scale · matrixᵀ of keys or values [t, c], in scratch.
inline ScaledTranspose take_scaled_transpose(
    const Head& head, Matrix<const float> matrix, float scale, Scratch& scratch) {
  return scaled_transpose(
      head.keys, head.channels, matrix, scale, scratch.take<float>(scaled_transpose_size(head.keys, head.channels)));
}

// Floats: what backward takes, and more than forward does.
inline int64_t attention_scratch_size(int64_t keys, int64_t channels) {
  return 2 * (QUERY_BLOCK * round_up(keys, LANES) + scaled_transpose_size(keys, channels));
}

// attended[r, c] = softmax(scale · query keyᵀ, causal) value and log_sum_exp[r] of the scores.
inline void attention_forward(const Head& head, Scratch scratch, Matrix<float> attended, float* log_sum_exp) {
  const Matrix<float> scores = take_scores(head.keys, scratch);
  const ScaledTranspose key = take_scaled_transpose(head, head.key, head.scale(), scratch);
  for_query_blocks(head, [&](QueryBlock block) {
    gemm(block.count, block.visible_keys, head.channels, from_row(head.query, block.first), key, scores);
    float inverse_sums[QUERY_BLOCK];
    for (int64_t i = 0; i < block.count; ++i) {
      float* row = from_row(scores, i).data;
      const int64_t visible = (block.first + i) * head.step + 1;
      Vector maxima = broadcast(row[0]), sums{};
      for (int64_t j = 0; j < visible; j += LANES)
        maxima = maximum(maxima, LANE_INDEX < int32_t(visible - j) ? load(row + j) : maxima);
      const float row_max = horizontal_max(maxima);
      for (int64_t j = 0; j < block.visible_keys; j += LANES) {
        const Vector weight =
            LANE_INDEX < int32_t(visible - j) ? exponential(load(row + j) - row_max) : Vector{};
        store(weight, row + j);
        sums += weight;
      }
      inverse_sums[i] = 1 / horizontal_sum(sums);
      log_sum_exp[block.first + i] = row_max + std::log(horizontal_sum(sums));
    }
    // The row sums divide the c channels of a query rather than its t weights.
    const Matrix<float> to = from_row(attended, block.first);
    gemm(NO_TRANS, block.count, head.channels, block.visible_keys, as_const(scores), head.value, to);
    for (int64_t i = 0; i < block.count; ++i)
      for (int64_t c = 0; c < head.channels; ++c) from_row(to, i).data[c] *= inverse_sums[i];
  });
}

// dots[r] = Σ_c a[r, c] b[r, c]; both have this leading dimension.
template <class Stored>
void row_dots(int64_t rows, int64_t channels, int64_t ld, const float* a, const Stored* b, float* dots) {
  for (int64_t i = 0; i < rows; ++i, a += ld, b += ld) {
    Vector sum{};
    for (int64_t c = 0; c < channels; c += LANES)
      sum += load_partial(a + c, channels - c) * load_partial(b + c, channels - c);
    dots[i] = horizontal_sum(sum);
  }
}

// Writes grad_query and adds to grad_key and grad_value. `delta` [r] is row_dots of grad_attended and attended, which
// equals Σ_key weight · grad_weight, so that grad_score = weight (grad_weight - delta).
inline void attention_backward(
    const Head& head, Scratch scratch, Matrix<const float> grad_attended, const float* log_sum_exp, const float* delta,
    Matrix<float> grad_query, Matrix<float> grad_key, Matrix<float> grad_value) {
  // First the scores, then in their place the weights; first the gradients of the weights, then those of the scores.
  const Matrix<float> weights = take_scores(head.keys, scratch), grad_scores = take_scores(head.keys, scratch);
  const float scale = head.scale();
  const ScaledTranspose key = take_scaled_transpose(head, head.key, scale, scratch);
  const ScaledTranspose value = take_scaled_transpose(head, head.value, 1, scratch);
  for_query_blocks(head, [&](QueryBlock block) {
    const Matrix<const float> query = from_row(head.query, block.first);
    const Matrix<const float> grads = from_row(grad_attended, block.first);
    gemm(block.count, block.visible_keys, head.channels, query, key, weights);
    gemm(block.count, block.visible_keys, head.channels, grads, value, grad_scores);
    for (int64_t i = 0; i < block.count; ++i) {
      float *weight_row = from_row(weights, i).data, *grad_row = from_row(grad_scores, i).data;
      const int64_t visible = (block.first + i) * head.step + 1;
      const float row_log_sum_exp = log_sum_exp[block.first + i], row_delta = delta[block.first + i];
      for (int64_t j = 0; j < block.visible_keys; j += LANES) {
        const IntVector mask = LANE_INDEX < int32_t(visible - j);
        const Vector weight = mask ? exponential(load(weight_row + j) - row_log_sum_exp) : Vector{};
        store(weight, weight_row + j);
        store(mask ? scale * weight * (load(grad_row + j) - row_delta) : Vector{}, grad_row + j);
      }
    }
    gemm(TRANS, block.visible_keys, head.channels, block.count, as_const(weights), grads, grad_value, true);
    gemm(TRANS, block.visible_keys, head.channels, block.count, as_const(grad_scores), query, grad_key, true);
    gemm(
        NO_TRANS, block.count, head.channels, block.visible_keys, as_const(grad_scores), head.key,
        from_row(grad_query, block.first));
  });
}

}  // namespace icltool

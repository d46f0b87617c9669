// Causal attention of one head of one prompt, forward and backward, in blocks of queries that see no key they may not.
//
// Legend: r queries, t keys, c channels. Query i stands at token i · step and sees the keys up to it. The weights are
// not kept: backward makes them again from the scores and each query's log Σ exp.
#pragma once

#include "products.h"

namespace icltool {

constexpr int64_t QUERIES_AT_ONCE = OWN_TILES ? 5 * TILE_ROWS : 32;

struct Head {
  int64_t queries, keys, channels, step;
  Matrix<const float> query, key, value;

  float scale() const { return 1 / std::sqrt(float(channels)); }
};

struct QueryBlock {
  int64_t first, count, seen;
};

template <class Do>
void for_query_blocks(const Head& head, Do act) {
  for (int64_t first = 0; first < head.queries; first += QUERIES_AT_ONCE) {
    const int64_t count = std::min(QUERIES_AT_ONCE, head.queries - first);
    act(QueryBlock{first, count, std::min(head.keys, (first + count - 1) * head.step + 1)});
  }
}

template <class T>
Matrix<T> from_row(Matrix<T> matrix, int64_t row) {
  return {matrix.at + row * matrix.stride, matrix.stride};
}

inline Matrix<const float> read(Matrix<float> matrix) { return {matrix.at, matrix.stride}; }

// Rows of scores are padded to whole vectors.
inline Matrix<float> take_scores(int64_t keys, Scratch& scratch) {
  const int64_t stride = whole(keys, LANES);
  return {scratch.take<float>(QUERIES_AT_ONCE * stride), stride};
}

inline Turned take_turned(const Head& head, Matrix<const float> matrix, float scale, Scratch& scratch) {
  return turned(head.keys, head.channels, matrix, scale, scratch.take<float>(turned_size(head.keys, head.channels)));
}

// More than forward and backward take.
inline int64_t attention_scratch_size(int64_t keys, int64_t channels) {
  return 2 * (QUERIES_AT_ONCE * whole(keys, LANES) + turned_size(keys, channels));
}

// mixed[r, c] = softmax(scores) value; log_sum[r].
inline void attend(const Head& head, Scratch scratch, Matrix<float> mixed, float* log_sum) {
  const Matrix<float> weights = take_scores(head.keys, scratch);
  const Turned key = take_turned(head, head.key, head.scale(), scratch);
  for_query_blocks(head, [&](QueryBlock block) {
    multiply(block.count, block.seen, head.channels, from_row(head.query, block.first), key, weights);
    float factors[QUERIES_AT_ONCE];
    for (int64_t i = 0; i < block.count; ++i) {
      float* row = from_row(weights, i).at;
      const int64_t seen = (block.first + i) * head.step + 1;
      Lanes highs = all(row[0]), sum{};
      for (int64_t j = 0; j < seen; j += LANES)
        highs = larger(highs, PLACES < int32_t(seen - j) ? load(row + j) : highs);
      const float highest = largest(highs);
      for (int64_t j = 0; j < block.seen; j += LANES) {
        const Lanes weight = PLACES < int32_t(seen - j) ? exponential(load(row + j) - highest) : Lanes{};
        store(weight, row + j);
        sum += weight;
      }
      factors[i] = 1 / total(sum);
      log_sum[block.first + i] = highest + std::log(total(sum));
    }
    const Matrix<float> place = from_row(mixed, block.first);
    multiply(AS_IS, block.count, head.channels, block.seen, read(weights), head.value, place);
    for (int64_t i = 0; i < block.count; ++i)
      for (int64_t c = 0; c < head.channels; ++c) from_row(place, i).at[c] *= factors[i];
  });
}

// agreement[r] = Σ_c grad_mixed · mixed.
template <class Stored>
void agree(
    int64_t queries, int64_t channels, int64_t stride, const float* grad_mixed, const Stored* mixed, float* agreement) {
  for (int64_t i = 0; i < queries; ++i, grad_mixed += stride, mixed += stride) {
    Lanes sum{};
    for (int64_t c = 0; c < channels; c += LANES)
      sum += load_some(grad_mixed + c, channels - c) * load_some(mixed + c, channels - c);
    agreement[i] = total(sum);
  }
}

// Writes grad_query and adds to grad_key and grad_value; `agreement` as above.
inline void attend_backward(
    const Head& head, Scratch scratch, Matrix<const float> grad_mixed, const float* log_sum, const float* agreement,
    Matrix<float> grad_query, Matrix<float> grad_key, Matrix<float> grad_value) {
  const Matrix<float> weights = take_scores(head.keys, scratch), slopes = take_scores(head.keys, scratch);
  const float scale = head.scale();
  const Turned key = take_turned(head, head.key, scale, scratch), value = take_turned(head, head.value, 1, scratch);
  for_query_blocks(head, [&](QueryBlock block) {
    const Matrix<const float> query = from_row(head.query, block.first), grads = from_row(grad_mixed, block.first);
    multiply(block.count, block.seen, head.channels, query, key, weights);
    multiply(block.count, block.seen, head.channels, grads, value, slopes);
    for (int64_t i = 0; i < block.count; ++i) {
      float *weight = from_row(weights, i).at, *slope = from_row(slopes, i).at;
      const int64_t seen = (block.first + i) * head.step + 1;
      const float shift = log_sum[block.first + i], mean = agreement[block.first + i];
      for (int64_t j = 0; j < block.seen; j += LANES) {
        const Whole visible = PLACES < int32_t(seen - j);
        const Lanes kept = visible ? exponential(load(weight + j) - shift) : Lanes{};
        store(kept, weight + j);
        store(visible ? scale * kept * (load(slope + j) - mean) : Lanes{}, slope + j);
      }
    }
    multiply(TRANSPOSED, block.seen, head.channels, block.count, read(weights), grads, grad_value, true);
    multiply(TRANSPOSED, block.seen, head.channels, block.count, read(slopes), query, grad_key, true);
    multiply(
        AS_IS, block.count, head.channels, block.seen, read(slopes), head.key,
        from_row(grad_query, block.first));
  });
}

}  // namespace icltool

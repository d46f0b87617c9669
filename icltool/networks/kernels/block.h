// A transformer block's sizes, weights and what backward needs of forward; a group of prompts of the batch.
//
// Legend: B prompts, t tokens, r = t / step queries (every step-th token), D width, H heads.
#pragma once

#include <algorithm>

#include "attention.h"
#include "memory.h"
#include "packed.h"

extern "C" {

struct Sizes {
  int64_t prompts, tokens, width, heads, step;
  double epsilon;
};

// Matrices in the stored type, vectors in float, as torch.nn.Linear and LayerNorm hold them.
struct Weights {
  const float *norm_gain, *norm_bias;
  const void* query_key_value;
  const float* query_key_value_bias;
  const void* output;
  const float *output_bias, *mlp_norm_gain, *mlp_norm_bias;
  const void* widen;
  const float* widen_bias;
  const void* narrow;
  const float* narrow_bias;
};

// Null where forward alone is wanted.
struct Kept {
  float* input;     // [B, t, D]
  void* query;      // stored [B, r, D]
  void* key_value;  // stored [B, t, 2 D]
  void* mixed;      // stored [B, r, D]
  void* inner;      // stored [B, r, 4 D], before the GELU
  float* middle;    // [B, r, D], the residual stream between attention and MLP
  float* log_sum;   // [B, H, r]
};
}

namespace icltool {

constexpr int64_t HIDDEN = 4;
// Tokens worked on together: enough for full matrix products, few enough to stay in a core's cache.
constexpr int64_t TOKENS_AT_ONCE = 330;

// Some prompts of the batch.
struct Group {
  const Sizes& sizes;
  int64_t first, count;

  int64_t queries() const { return sizes.tokens / sizes.step; }
  int64_t rows() const { return count * sizes.tokens; }
  int64_t asked() const { return count * queries(); }
  int64_t rows_before() const { return first * sizes.tokens; }
  int64_t asked_before() const { return first * queries(); }

  // More than forward and backward of so many layers take.
  int64_t scratch_bytes(int64_t layers) const {
    const int64_t a_row = (40 + layers) * sizes.width + 4 * sizes.heads + 8;
    const int64_t attention = attention_scratch_size(sizes.tokens, sizes.width / sizes.heads);
    return sizeof(float) * (rows() * a_row + attention) + (64 + layers) * Scratch::ALIGNMENT;
  }
};

// Calls act(prompt, head, Head) for each; the matrices are those of the group's first prompt.
template <class Act>
void for_heads(const Group& group, const float* query, const float* key_value, Act act) {
  const int64_t D = group.sizes.width, H = group.sizes.heads, t = group.sizes.tokens, r = group.queries();
  for (int64_t prompt = 0; prompt < group.count; ++prompt)
    for (int64_t head = 0; head < H; ++head) {
      const int64_t column = head * (D / H);
      const float* keys = key_value + prompt * t * 2 * D + column;
      act(prompt, head,
          Head{r, t, D / H, group.sizes.step, {query + prompt * r * D + column, D}, {keys, 2 * D}, {keys + D, 2 * D}});
    }
}

}  // namespace icltool

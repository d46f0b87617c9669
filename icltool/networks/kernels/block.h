// A transformer block's sizes, its weights, what backward needs of forward, and a group of the batch's prompts.
//
// Legend: B prompts, t tokens, D width, H heads, r = t / step queries (the block's result is computed at every step-th
// token). Tensors are contiguous, the last axis fastest. Stored is float, or Bfloat16 under bf16.
// The structures are part of the contract with Python: see kernels/__init__.py.
#pragma once

#include <algorithm>

#include "attention.h"
#include "scratch.h"
#include "weight_gemm.h"

extern "C" {

// A size of each kind; epsilon is LayerNorm's.
struct Sizes {
  int64_t prompts, tokens, width, heads, step;
  double epsilon;
};

// A block's parameters in the order of `Block.in_order`: matrices Stored, [out, in] as torch.nn.Linear holds them,
// vectors float.
struct Weights {
  const float *attention_norm_gain, *attention_norm_bias;
  const void* query_key_value;
  const float* query_key_value_bias;
  const void* output;
  const float *output_bias, *mlp_norm_gain, *mlp_norm_bias;
  const void* widen;
  const float* widen_bias;
  const void* narrow;
  const float* narrow_bias;
};

// What forward keeps of a block for backward, in the order of `Kept` in library.py; null where nothing is kept.
struct Kept {
  float* input;            // [B, t, D]
  void* query;             // Stored [B, r, D]
  void* key_value;         // Stored [B, t, 2 D]: a token's key, then its value
  void* attended;          // Stored [B, r, D]: of all heads, before the output projection
  void* pre_gelu;          // Stored [B, r, 4 D]
  float* after_attention;  // [B, r, D]: the residual stream between attention and MLP
  float* log_sum_exp;      // [B, H, r]: of a query's scores
};
}

namespace icltool {

// The MLP's inner width over the block's, and what widths are a multiple of: whole vectors of every machine.
constexpr int64_t MLP_RATIO = 4, WIDTH_MULTIPLE = 16;
static_assert(WIDTH_MULTIPLE % LANES == 0);

// Tokens of the prompts that are worked on together, at most, though always one prompt: enough rows for full matrix products, few enough that
// what lies between the products stays in a core's cache. On AMD Zen 3 (512 KiB a core), against 330, a block took as
// long within 4 % with one prompt at a time, 3 to 4 % longer with 660 and 5 to 19 % with 2640 (fastest of 25 calls;
// widths 64, 128, 256 with 126, 40, 82 tokens; one thread). 330 is four prompts of the paper's 82 tokens: its batch of
// 64 on two threads makes groups of one size.
constexpr int64_t TOKENS_AT_ONCE = 330;

// Consecutive prompts of the batch that a thread works on together. A token row is a row of [B · t, D], a query row one
// of [B · r, D].
struct Group {
  const Sizes& sizes;
  int64_t first, count;

  int64_t queries_per_prompt() const { return sizes.tokens / sizes.step; }
  int64_t token_rows() const { return count * sizes.tokens; }
  int64_t query_rows() const { return count * queries_per_prompt(); }
  int64_t token_rows_before() const { return first * sizes.tokens; }
  int64_t query_rows_before() const { return first * queries_per_prompt(); }

  // An upper bound of the scratch that forward and backward of so many layers take. Backward takes most: of a row,
  // about 35 widths (12 of them the MLP's inner width, three times), and what attention takes of a head; forward keeps
  // a width for each layer. The last term is for what alignment adds to each piece.
  int64_t scratch_bytes(int64_t layers) const {
    const int64_t floats_of_row = (40 + layers) * sizes.width + 4 * sizes.heads + 8;
    const int64_t attention = attention_scratch_size(sizes.tokens, sizes.width / sizes.heads);
    return sizeof(float) * (token_rows() * floats_of_row + attention) + (64 + layers) * Scratch::ALIGNMENT;
  }
};

// Calls act(prompt, head index, Head) for every head of every prompt; `query` and `key_value` are the group's own rows.
template <class Act>
void for_heads(const Group& group, const float* query, const float* key_value, Act act) {
  const int64_t D = group.sizes.width, H = group.sizes.heads, t = group.sizes.tokens, r = group.queries_per_prompt();
  for (int64_t prompt = 0; prompt < group.count; ++prompt)
    for (int64_t head = 0; head < H; ++head) {
      const int64_t column = head * (D / H);
      const float* keys = key_value + prompt * t * 2 * D + column;
      act(prompt, head,
          Head{r, t, D / H, group.sizes.step, {query + prompt * r * D + column, D}, {keys, 2 * D}, {keys + D, 2 * D}});
    }
}

}  // namespace icltool

// Products with weights. The same weights meet one group of prompts after another, so a thread packs each at its first
// use in a call: into column panels for the tiles, or, when it is large, into the library's own layout, where the
// library can (3 % of a step at width 256 on an Intel Xeon with AVX-512).
#pragma once

#include <cstdlib>
#include <memory>
#include <vector>

#include "gemm.h"

namespace icltool {

// Elements from which the library is asked to pack a weight. Smaller ones (128 KiB at most) stay in a core's cache, and
// the library's products take them as they are.
constexpr int64_t LIBRARY_PACKS_FROM = 256 * 128;

// The weights that a thread has packed in this call. Their memory is kept for later calls.
class PackedWeights {
 public:
  // Counts the calls. A weight may have changed since the last, so what was packed in another is not used again.
  inline static int64_t call = 0;

  static PackedWeights& of_this_thread() {
    thread_local PackedWeights weights;
    if (weights.filled_in_ != call) {
      for (Entry& entry : weights.entries_) entry.weight = nullptr;
      weights.filled_in_ = call;
    }
    return weights;
  }

  // op(weight) [k, n] as pack(memory) packs it into `bytes`; for products of m rows, or m = 0 where the layout is the
  // same for all m.
  template <class Pack>
  const float* find_or_pack(Op op, int64_t m, int64_t n, int64_t k, const float* weight, int64_t bytes, Pack pack) {
    Entry* entry = nullptr;
    for (Entry& other : entries_) {
      if (other.m != m || other.n != n || other.k != k || other.op != op) continue;
      if (other.weight == weight) return other.packed.get();
      if (!other.weight) entry = &other;
    }
    if (!entry) {
      bytes = round_up(bytes, Scratch::ALIGNMENT) + Scratch::ALIGNMENT;
      float* memory = static_cast<float*>(std::aligned_alloc(Scratch::ALIGNMENT, bytes));
      entries_.push_back({op, m, n, k, nullptr, {memory, std::free}});
      entry = &entries_.back();
    }
    entry->weight = weight;
    pack(entry->packed.get());
    return entry->packed.get();
  }

 private:
  struct Entry {
    Op op;
    int64_t m, n, k;
    const float* weight;  // null: not packed in this call, free for any weight of these sizes
    std::unique_ptr<float, void (*)(void*)> packed;
  };
  std::vector<Entry> entries_;
  int64_t filled_in_ = 0;
};

// C[m, n] = A[m, k] op(weight)[k, n], or that added to C.
inline void weight_gemm(
    Op op, int64_t m, int64_t n, int64_t k, Matrix<const float> A, Matrix<const float> weight, Matrix<float> C,
    bool add = false) {
  if (USE_TILES) {
    const float* packed = PackedWeights::of_this_thread().find_or_pack(
        op, 0, n, k, weight.data, sizeof(float) * k * round_up(n, TILE_COLUMNS),
        [&](float* memory) { pack_column_panels(op, n, k, weight, memory); });
    return tiled_gemm(m, n, k, row_panels(NO_TRANS, A), {packed, TILE_COLUMNS, k * TILE_COLUMNS}, C, add);
  }
  if (n * k < LIBRARY_PACKS_FROM || !cblas_sgemm_compute)
    return library_gemm(NO_TRANS, op, m, n, k, A, weight, C, add);
  const float* packed = PackedWeights::of_this_thread().find_or_pack(
      op, m, n, k, weight.data, cblas_sgemm_pack_get_size(B_MATRIX, m, n, k),
      [&](float* memory) { cblas_sgemm_pack(ROW_MAJOR, B_MATRIX, op, m, n, k, 1, weight.data, weight.ld, memory); });
  cblas_sgemm_compute(ROW_MAJOR, NO_TRANS, PACKED, m, n, k, A.data, A.ld, packed, n, add, C.data, C.ld);
}

inline void weight_gemm(
    Op op, int64_t m, int64_t n, int64_t k, Matrix<const Bfloat16> A, Matrix<const Bfloat16> weight, Matrix<float> C,
    bool add = false) {
  library_gemm(NO_TRANS, op, m, n, k, A, weight, C, add);
}

}  // namespace icltool

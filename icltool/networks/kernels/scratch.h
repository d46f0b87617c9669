// Scratch memory of a thread, and conversion between float and the stored type of the gemm operands.
//
// Legend: Stored is float, or Bfloat16 under bf16. Counts are of values and multiples of LANES where values are
// converted.
#pragma once

#include <memory>
#include <type_traits>

#include "simd.h"

namespace icltool {

// Copies `count` values from one type to the other. Equal types share their memory, so there is nothing to do.
template <class From, class To>
void convert(int64_t count, const From* from, To* to) {
  if constexpr (!std::is_same_v<From, To>) {
    for (int64_t i = 0; i < count; i += LANES) store(load(from + i), to + i);
  }
}

// A bump allocator over memory that its thread keeps between calls. It is passed by value: what a function takes from
// its copy is free again when the function returns. Nothing checks the end: `Group::scratch_bytes` is the bound.
class Scratch {
 public:
  // Bytes: a cache line, and a vector of AVX-512.
  static constexpr int64_t ALIGNMENT = 64;

  explicit Scratch(int64_t bytes) {
    thread_local std::unique_ptr<char[]> memory;
    thread_local int64_t held = 0;
    if (held < bytes) {
      memory.reset(new char[bytes + ALIGNMENT]);
      held = bytes;
    }
    next_ = memory.get() + (ALIGNMENT - reinterpret_cast<uintptr_t>(memory.get()) % ALIGNMENT);
  }

  // Room for `count` values, aligned and uninitialised.
  template <class T>
  T* take(int64_t count) {
    char* taken = next_;
    next_ += (count * int64_t(sizeof(T)) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return reinterpret_cast<T*>(taken);
  }

  // Where a result is written: `offset` values into the memory kept for backward, or scratch where nothing is kept.
  template <class T>
  T* kept_or_taken(void* kept, int64_t offset, int64_t count) {
    return kept ? static_cast<T*>(kept) + offset : take<T>(count);
  }

  // Where the float sums of a result are made: the result's own memory when it is float, else scratch.
  template <class Stored>
  float* accumulator(Stored* result, int64_t count) {
    if constexpr (std::is_same_v<Stored, float>) return result;
    else return take<float>(count);
  }

  // The values as another type: themselves, or a converted copy in scratch.
  template <class To, class From>
  const To* converted(const From* values, int64_t count) {
    if constexpr (std::is_same_v<From, To>) {
      return values;
    } else {
      To* copy = take<To>(count);
      convert(count, values, copy);
      return copy;
    }
  }

 private:
  char* next_;
};

}  // namespace icltool

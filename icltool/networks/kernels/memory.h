// Scratch memory of a thread, and moving between the stored type of a kernel's operands and float.
#pragma once

#include <memory>
#include <type_traits>

#include "lanes.h"

namespace icltool {

// From one type to another, whole vectors; nothing where both are the same memory.
template <class From, class To>
void convert(int64_t count, const From* from, To* to) {
  if constexpr (!std::is_same_v<From, To>) {
    for (int64_t i = 0; i < count; i += LANES) store(load(from + i), to + i);
  }
}

// Handed out from the front; the memory itself is kept between calls.
class Scratch {
 public:
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

  template <class T>
  T* take(int64_t count) {
    char* place = next_;
    next_ += (count * int64_t(sizeof(T)) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return reinterpret_cast<T*>(place);
  }

  // Where a result goes: the caller's memory, after what came before, or scratch when there is none.
  template <class T>
  T* place(void* kept, int64_t before, int64_t count) {
    return kept ? static_cast<T*>(kept) + before : take<T>(count);
  }

  // Where the float sums of a result are made: in its own place when that is float.
  template <class Stored>
  float* floats_of(Stored* result, int64_t count) {
    if constexpr (std::is_same_v<Stored, float>) return result;
    else return take<float>(count);
  }

  // Values as another type: themselves, or a converted copy.
  template <class To, class From>
  const To* as(const From* values, int64_t count) {
    if constexpr (std::is_same_v<From, To>) {
      return values;
    } else {
      To* converted = take<To>(count);
      convert(count, values, converted);
      return converted;
    }
  }

 private:
  char* next_;
};

}  // namespace icltool

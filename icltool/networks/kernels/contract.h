// What C++ and Python both state: constants, the injections' numbers, sizes of structures and places of their fields.
//
// Legend: sizes and places are bytes. `agreement` in library.py makes the same list, under the same names, from
// Python's side; the two are compared when the library is loaded.
#pragma once

#include <cstddef>

#include "loop.h"

extern "C" {

struct Fact {
  const char* name;
  int64_t value;
};
}

namespace icltool {

#define ICLTOOL_SIZE(Struct) {#Struct, sizeof(Struct)}
#define ICLTOOL_PLACE(Struct, field) {#Struct "." #field, offsetof(Struct, field)}

constexpr Fact CONTRACT[] = {
    {"WIDTH_MULTIPLE", WIDTH_MULTIPLE},
    {"MLP_RATIO", MLP_RATIO},
    {"injection none", NO_INJECTION},
    {"injection add", ADD},
    {"injection mul", MULTIPLY},
    ICLTOOL_SIZE(Weights),
    ICLTOOL_SIZE(Kept),
    ICLTOOL_PLACE(Kept, input),
    ICLTOOL_PLACE(Kept, query),
    ICLTOOL_PLACE(Kept, key_value),
    ICLTOOL_PLACE(Kept, attended),
    ICLTOOL_PLACE(Kept, pre_gelu),
    ICLTOOL_PLACE(Kept, after_attention),
    ICLTOOL_PLACE(Kept, log_sum_exp),
    ICLTOOL_SIZE(Sizes),
    ICLTOOL_PLACE(Sizes, prompts),
    ICLTOOL_PLACE(Sizes, tokens),
    ICLTOOL_PLACE(Sizes, width),
    ICLTOOL_PLACE(Sizes, heads),
    ICLTOOL_PLACE(Sizes, step),
    ICLTOOL_PLACE(Sizes, epsilon),
    ICLTOOL_SIZE(Loop),
    ICLTOOL_PLACE(Loop, sizes),
    ICLTOOL_PLACE(Loop, layers),
    ICLTOOL_PLACE(Loop, injection),
    ICLTOOL_PLACE(Loop, threads),
    ICLTOOL_PLACE(Loop, state),
    ICLTOOL_PLACE(Loop, prompt),
    ICLTOOL_PLACE(Loop, positions),
    ICLTOOL_PLACE(Loop, final_gain),
    ICLTOOL_PLACE(Loop, final_bias),
    ICLTOOL_PLACE(Loop, before_final_norm),
};

#undef ICLTOOL_SIZE
#undef ICLTOOL_PLACE

}  // namespace icltool

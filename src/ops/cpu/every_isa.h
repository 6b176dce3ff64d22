// Kernels that are compiled once for each instruction set, each time into a namespace of its name.
#pragma once

// Declares `const Kernels name` in all of these namespaces.
#define HGNN_MOE_DECLARE_FOR_EVERY_ISA(Kernels, name) \
  namespace baseline {                                \
  extern const Kernels name;                          \
  }                                                   \
  namespace avx2 {                                    \
  extern const Kernels name;                          \
  }                                                   \
  namespace avx512 {                                  \
  extern const Kernels name;                          \
  }                                                   \
  namespace avx512_bf16 {                             \
  extern const Kernels name;                          \
  }                                                   \
  static_assert(true, "asks for a semicolon")

// Access to the operations that library.cpp declares to PyTorch's dispatcher. Every operation goes
// through it, so that programs in C++ and models in Python run the same code.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/GradMode.h>
#include <c10/util/Exception.h>

namespace hgnn_moe::ops {

template <typename Signature>
c10::TypedOperatorHandle<Signature> find_operator(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

// To be called first in a backward pass of ours: it records nothing, so with create_graph its
// result would be a wrong second derivative.
inline void refuse_second_derivative(const char* operation) {
  TORCH_CHECK_NOT_IMPLEMENTED(!c10::GradMode::is_enabled(), operation,
                              " can be differentiated once: leave out create_graph");
}

}  // namespace hgnn_moe::ops

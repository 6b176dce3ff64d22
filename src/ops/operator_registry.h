// Access to the operations that library.cpp declares to PyTorch's dispatcher. Every operation goes
// through it, so that programs in C++ and models in Python run the same code.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

namespace hgnn_moe::ops {

template <typename Signature>
c10::TypedOperatorHandle<Signature> find_operator(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

}  // namespace hgnn_moe::ops

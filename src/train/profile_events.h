// What a profiler saw, as plain data: the table is made from it and tested without a profiler.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hgnn_moe {

// A tensor that went into an operation.
struct ProfiledTensor {
  std::vector<std::int64_t> sizes;
  std::int64_t item_bytes = 4;
  std::int64_t stored = 0;  // elements in memory: an expanded dimension (stride 0) counts once
};

struct ProfiledInput {
  std::vector<ProfiledTensor> tensors;  // one, those of a list, or none
  std::vector<std::int64_t> integers;   // of a list of integers, or one
};

enum class ProfiledKind {
  scope,      // of hgnn_moe/model/profile_scopes.h
  operation,  // an operator, or what LibTorch records around operators
  backward,   // a node of the autograd graph
  device,     // work of a GPU
};

struct ProfiledEvent {
  std::string name;
  ProfiledKind kind = ProfiledKind::operation;
  std::int64_t parent = -1;  // the index of the event it ran in or was launched by; -1: none
  std::int64_t begin_ns = 0, end_ns = 0;
  std::uint64_t thread = 0;
  // Of an operation: that of the next node on its thread. Of a node: its own. -1: none.
  std::int64_t sequence = -1;
  std::uint64_t forward_thread = 0;  // of a node: where it was made
  std::int64_t flops = 0;            // that the profiler knows, for matrix products
  std::vector<ProfiledInput> inputs;
  bool has_output = false;  // whether one of them is the output: the operation's form with out=
};

}  // namespace hgnn_moe

// What an operation computes and moves, from the shapes and types of its inputs.
#pragma once

#include "profile_events.h"

namespace hgnn_moe {

struct ProfiledCost {
  double flops =
      0.0;  // of matrix products, attention and the coupling operations; others count none
  double bytes = 0.0;  // inputs read and outputs written, once each

  ProfiledCost& operator+=(const ProfiledCost& other) {
    flops += other.flops;
    bytes += other.bytes;
    return *this;
  }
};

// How an operation's own work relates to that of the operations inside it.
enum class ProfiledRole {
  none,     // moves no data: a view, an allocation, an operation that calls others
  fill,     // writes a constant: a part of what is around it
  kernel,   // a matrix product or an operation of ours: works although others run inside
  regular,  // works where no other that works is inside
};

ProfiledRole role_of(const ProfiledEvent& event);

// Of `event` alone. Outputs are not recorded unless the operation was handed them, so their shapes
// follow from the inputs': those of matrix products, reductions, lookups, joined lists and in-place
// operations by their rules, others as the inputs broadcast together, in the type of the first.
ProfiledCost cost_of(const ProfiledEvent& event);

}  // namespace hgnn_moe

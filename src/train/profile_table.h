// Where the time of profiled steps went: a table made from events alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "profile_cost.h"
#include "profile_events.h"

namespace hgnn_moe {

// All times and costs are means over the steps. A share is of the step, in percent.
struct ProfiledSection {
  std::string name;
  double forward_ms = 0.0, backward_ms = 0.0, share = 0.0;
  ProfiledCost cost;

  double milliseconds() const { return forward_ms + backward_ms; }
};

// One kind of operation in one section and direction.
struct ProfiledKernel {
  std::string section, name;
  bool backward = false;
  double calls = 0.0, milliseconds = 0.0, share = 0.0;
  ProfiledCost cost;
};

struct ProfileTable {
  std::int64_t steps = 0;
  double step_ms = 0.0;
  bool of_device = false;  // times are a GPU's; `other` then is when it had nothing to do
  std::vector<ProfiledSection> sections;  // in the order of a step; the last is `other`
  std::vector<ProfiledKernel> kernels;    // by section, the longest first
};

// `events` are in the order of their beginnings on each thread, parents before children. Times are
// self times: what an operation spends in others is theirs. A node of the autograd graph belongs
// to the section of the last forward operation with its sequence number on its forward thread, or
// with the next smaller one, and a node without a number (the sum into a parameter's gradient) to
// that of the node before it.
ProfileTable make_profile_table(const std::vector<ProfiledEvent>& events);

}  // namespace hgnn_moe

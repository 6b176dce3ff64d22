// Made-up events of a profiler.
#pragma once

#include <utility>
#include <vector>

#include "src/train/profile_events.h"

namespace hgnn_moe {

inline ProfiledInput tensor(std::vector<std::int64_t> sizes, std::int64_t item_bytes = 4) {
  std::int64_t stored = 1;
  for (const std::int64_t size : sizes) stored *= size;
  return {{{std::move(sizes), item_bytes, stored}}, {}};
}

inline ProfiledInput integers(std::vector<std::int64_t> values) { return {{}, std::move(values)}; }

// A list of events, written down in the order of their beginnings.
class Events {
 public:
  // From `begin` to `end` in milliseconds, in event `parent`. Returns its index.
  std::int64_t add(ProfiledKind kind, const std::string& name, std::int64_t parent, double begin,
                   double end, std::vector<ProfiledInput> inputs = {}) {
    ProfiledEvent event;
    event.kind = kind;
    event.name = name;
    event.parent = parent;
    event.begin_ns = static_cast<std::int64_t>(begin * 1e6);
    event.end_ns = static_cast<std::int64_t>(end * 1e6);
    event.thread = event.forward_thread = 1;
    event.inputs = std::move(inputs);
    list_.push_back(std::move(event));
    return static_cast<std::int64_t>(list_.size()) - 1;
  }
  std::int64_t scope(const std::string& name, std::int64_t parent, double begin, double end) {
    return add(ProfiledKind::scope, name, parent, begin, end);
  }
  std::int64_t operation(const std::string& name, std::int64_t parent, double begin, double end,
                         std::int64_t sequence = -1, std::vector<ProfiledInput> inputs = {}) {
    const std::int64_t index =
        add(ProfiledKind::operation, name, parent, begin, end, std::move(inputs));
    at(index).sequence = sequence;
    return index;
  }
  // A node of the graph, run by an engine on this thread.
  std::int64_t node(std::int64_t parent, double begin, double end, std::int64_t sequence) {
    const std::int64_t index = add(ProfiledKind::backward, "Node", parent, begin, end);
    at(index).sequence = sequence;
    return index;
  }

  ProfiledEvent& at(std::int64_t index) { return list_[static_cast<std::size_t>(index)]; }
  const std::vector<ProfiledEvent>& list() const { return list_; }

 private:
  std::vector<ProfiledEvent> list_;
};

}  // namespace hgnn_moe

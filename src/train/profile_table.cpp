#include "profile_table.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "hgnn_moe/model/profile_scopes.h"

namespace hgnn_moe {

namespace {

namespace scope = profile_scope;

constexpr const char* kSections[] = {scope::kData,    scope::kEmbedding, scope::kExperts,
                                     scope::kCoupler, scope::kHead,      scope::kOptimizer};
constexpr std::size_t kOther = std::size(kSections);

struct Place {
  std::size_t section = kOther;
  bool backward = false;
};

// Sections of forward operations by sequence number, for each thread.
using SectionsBySequence = std::map<std::uint64_t, std::map<std::int64_t, std::size_t>>;

std::size_t section_of_node(const ProfiledEvent& node, const SectionsBySequence& forward,
                            std::size_t otherwise) {
  if (node.sequence < 0) return otherwise;
  const auto thread = forward.find(node.forward_thread);
  if (thread == forward.end()) return kOther;
  // A node made without an operator, as a dropout mask's, follows the one before it.
  auto next = thread->second.upper_bound(node.sequence);
  return next == thread->second.begin() ? kOther : std::prev(next)->second;
}

std::vector<Place> find_places(const std::vector<ProfiledEvent>& events) {
  std::vector<Place> places(events.size());
  SectionsBySequence forward;
  std::map<std::uint64_t, std::size_t> last_node;  // the section of each thread's
  for (std::size_t i = 0; i < events.size(); ++i) {
    const ProfiledEvent& event = events[i];
    Place& place = places[i];
    if (event.parent >= 0) place = places[static_cast<std::size_t>(event.parent)];
    if (event.kind == ProfiledKind::scope) {
      const auto found = std::find(std::begin(kSections), std::end(kSections), event.name);
      if (found != std::end(kSections)) {
        place = {static_cast<std::size_t>(found - std::begin(kSections)), false};
      }
    } else if (event.kind == ProfiledKind::backward) {
      const auto last = last_node.emplace(event.thread, kOther).first;
      place = {section_of_node(event, forward, last->second), true};
      last->second = place.section;
    } else if (event.kind == ProfiledKind::operation && !place.backward && event.sequence >= 0) {
      // Only the last operation to see a number made the node that has it.
      forward[event.thread][event.sequence] = place.section;
    }
  }
  return places;
}

double milliseconds(const ProfiledEvent& event) {
  return 1e-6 * static_cast<double>(event.end_ns - event.begin_ns);
}

// A GPU's work counts for the operation that launched it, a host's for itself less its children.
std::vector<double> self_times(const std::vector<ProfiledEvent>& events, bool of_device) {
  std::vector<double> times(events.size(), 0.0);
  for (std::size_t i = 0; i < events.size(); ++i) {
    const ProfiledEvent& event = events[i];
    const bool is_device = event.kind == ProfiledKind::device;
    const auto parent = static_cast<std::size_t>(event.parent);
    if (is_device && of_device && event.parent >= 0) times[parent] += milliseconds(event);
    if (is_device || of_device) continue;
    times[i] += milliseconds(event);
    if (event.parent >= 0 && events[parent].thread == event.thread) {
      times[parent] -= milliseconds(event);
    }
  }
  for (double& time : times) time = std::max(time, 0.0);
  return times;
}

bool is_of_one_element(const ProfiledEvent& event) {
  for (const ProfiledInput& input : event.inputs) {
    for (const ProfiledTensor& tensor : input.tensors) {
      if (tensor.stored > 1) return false;
    }
  }
  return true;
}

// Of the operations that do the work, so that a call around another counts none of it again.
std::vector<ProfiledCost> own_costs(const std::vector<ProfiledEvent>& events) {
  struct Inside {
    bool kernel = false, work = false, fill = false;
  };
  std::vector<Inside> inside(events.size());
  std::vector<ProfiledCost> costs(events.size());
  for (std::size_t i = events.size(); i-- > 0;) {  // children before parents
    const ProfiledEvent& event = events[i];
    const ProfiledRole role = role_of(event);
    const bool works = (role == ProfiledRole::kernel && !inside[i].kernel) ||
                       (role == ProfiledRole::regular && !inside[i].work) ||
                       (role == ProfiledRole::fill && !inside[i].fill);
    if (works) costs[i] = cost_of(event);
    if (event.parent < 0) continue;
    Inside& around = inside[static_cast<std::size_t>(event.parent)];
    const bool is_work = role == ProfiledRole::kernel ||
                         (role == ProfiledRole::regular && !is_of_one_element(event));
    around.kernel = around.kernel || inside[i].kernel || role == ProfiledRole::kernel;
    around.work = around.work || inside[i].work || is_work;
    around.fill = around.fill || inside[i].fill || role == ProfiledRole::fill;
  }
  return costs;
}

// Autograd calls an operation again below itself, for the same work, and its engine a node.
bool is_part_of_call(const std::vector<ProfiledEvent>& events, std::size_t i) {
  if (events[i].parent < 0) return false;
  const ProfiledEvent& parent = events[static_cast<std::size_t>(events[i].parent)];
  return parent.name == events[i].name ||
         (parent.kind == ProfiledKind::backward && events[i].kind == ProfiledKind::backward);
}

std::string row_name(const ProfiledEvent& event) {
  if (event.kind == ProfiledKind::backward) return "(autograd)";
  if (event.kind == ProfiledKind::scope) return "(between operators)";
  return event.name;
}

std::string section_name(std::size_t section) {
  return section == kOther ? "other" : kSections[section];
}

}  // namespace

ProfileTable make_profile_table(const std::vector<ProfiledEvent>& events) {
  ProfileTable table;
  double total = 0.0;  // milliseconds of all steps
  for (const ProfiledEvent& event : events) {
    if (event.kind == ProfiledKind::device) table.of_device = true;
    if (event.kind != ProfiledKind::scope || event.name != scope::kStep) continue;
    ++table.steps;
    total += milliseconds(event);
  }
  table.sections.resize(kOther + 1);
  for (std::size_t s = 0; s <= kOther; ++s) table.sections[s].name = section_name(s);
  if (table.steps == 0) return table;

  const std::vector<Place> places = find_places(events);
  const std::vector<double> times = self_times(events, table.of_device);
  const std::vector<ProfiledCost> costs = own_costs(events);
  const auto steps = static_cast<double>(table.steps);
  std::map<std::tuple<std::size_t, std::string, bool>, ProfiledKernel> kernels;
  double placed = 0.0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (events[i].kind == ProfiledKind::device) continue;
    const auto [s, backward] = places[i];
    ProfiledSection& section = table.sections[s];
    section.cost += costs[i];
    if (s == kOther) continue;  // its time is what remains
    (backward ? section.backward_ms : section.forward_ms) += times[i] / steps;
    placed += times[i];
    const std::string name = row_name(events[i]);
    ProfiledKernel& kernel = kernels[{s, name, backward}];
    kernel.section = section.name;
    kernel.name = name;
    kernel.backward = backward;
    if (!is_part_of_call(events, i)) kernel.calls += 1.0;
    kernel.milliseconds += times[i] / steps;
    kernel.cost += costs[i];
  }
  // Counts and sizes are added up as whole numbers, which the mean over steps then is too.
  const auto mean = [&](ProfiledCost& cost) { cost = {cost.flops / steps, cost.bytes / steps}; };
  for (ProfiledSection& section : table.sections) mean(section.cost);
  for (auto& [key, kernel] : kernels) {
    mean(kernel.cost);
    kernel.calls /= steps;
  }
  // Kernels that run beside each other may take longer than the step.
  total = std::max(total, placed);
  table.step_ms = total / steps;
  table.sections[kOther].forward_ms = (total - placed) / steps;
  const auto share = [&](double time) { return total > 0.0 ? 100.0 * time * steps / total : 0.0; };
  for (ProfiledSection& section : table.sections) section.share = share(section.milliseconds());
  using Ranked = std::pair<std::size_t, ProfiledKernel>;
  std::vector<Ranked> ranked;
  for (auto& [key, kernel] : kernels) {
    kernel.share = share(kernel.milliseconds);
    ranked.emplace_back(std::get<0>(key), std::move(kernel));
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const Ranked& a, const Ranked& b) {
    return a.first != b.first ? a.first < b.first : a.second.milliseconds > b.second.milliseconds;
  });
  for (Ranked& entry : ranked) table.kernels.push_back(std::move(entry.second));
  return table;
}

}  // namespace hgnn_moe

#include "tests/support/pairwise.h"

#include <array>
#include <set>

namespace hgnn_moe::testing {

namespace {

using Pair = std::array<std::size_t, 4>;  // factor, level, later factor, level

Pair pair_of(std::size_t f, std::size_t a, std::size_t g, std::size_t b) {
  return f < g ? Pair{f, a, g, b} : Pair{g, b, f, a};
}

// The pairs that `level` of factor `f` would cover beside what is chosen.
std::size_t gain(const std::set<Pair>& missing, const Levels& chosen, std::size_t f,
                 std::size_t level) {
  std::size_t count = 0;
  for (std::size_t g = 0; g < chosen.size(); ++g) {
    if (g == f || chosen[g] == kNoLevel) continue;
    count += missing.count(pair_of(f, level, g, chosen[g]));
  }
  return count;
}

// Fills every factor without a level; false where one has no allowed level.
bool complete(Levels& chosen, const std::vector<std::size_t>& levels, const std::set<Pair>& missing,
              const std::function<bool(const Levels&)>& allowed) {
  for (std::size_t f = 0; f < levels.size(); ++f) {
    if (chosen[f] != kNoLevel) continue;
    std::size_t best = kNoLevel, best_gain = 0;
    for (std::size_t level = 0; level < levels[f]; ++level) {
      chosen[f] = level;
      if (!allowed(chosen)) continue;
      const std::size_t value = gain(missing, chosen, f, level);
      if (best == kNoLevel || value > best_gain) {
        best = level;
        best_gain = value;
      }
    }
    chosen[f] = best;
    if (best == kNoLevel) return false;
  }
  return true;
}

}  // namespace

std::vector<Levels> pairwise_cases(const std::vector<std::size_t>& levels,
                                   const std::function<bool(const Levels&)>& allowed) {
  std::set<Pair> missing;
  for (std::size_t f = 0; f < levels.size(); ++f) {
    for (std::size_t g = f + 1; g < levels.size(); ++g) {
      for (std::size_t a = 0; a < levels[f]; ++a) {
        for (std::size_t b = 0; b < levels[g]; ++b) missing.insert({f, a, g, b});
      }
    }
  }
  std::vector<Levels> cases;
  while (!missing.empty()) {
    const Pair pair = *missing.begin();
    missing.erase(missing.begin());
    Levels chosen(levels.size(), kNoLevel);
    chosen[pair[0]] = pair[1];
    chosen[pair[2]] = pair[3];
    if (!allowed(chosen) || !complete(chosen, levels, missing, allowed)) continue;
    for (std::size_t f = 0; f < levels.size(); ++f) {
      for (std::size_t g = f + 1; g < levels.size(); ++g) {
        missing.erase({f, chosen[f], g, chosen[g]});
      }
    }
    cases.push_back(chosen);
  }
  return cases;
}

}  // namespace hgnn_moe::testing

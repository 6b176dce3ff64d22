#include "hgnn_moe/config/hgt_config.h"

#include <algorithm>

namespace hgnn_moe {

namespace {

using Names = std::vector<std::string>;

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

}  // namespace

const Names& names_of(HgtCommand) {
  static const Names names = {"train", "embed", "evaluate", "validate", "predict", "compare"};
  return names;
}

const Names& names_of(HgtPreset) {
  static const Names names = {"none", "quick", "full", "high_quality", "memory_constrained"};
  return names;
}

const Names& names_of(HgtSplit) {
  static const Names names = {"auto", "pairs", "nodes", "files"};
  return names;
}

const Names& names_of(HgtFeatures) {
  static const Names names = {"learned", "random", "ones", "given"};
  return names;
}

const Names& names_of(HgtDecoder) {
  static const Names names = {"dot", "distmult", "complex", "rotate"};
  return names;
}

const Names& names_of(HgtLoss) {
  static const Names names = {"bce", "softmax"};
  return names;
}

const Names& names_of(HgtKnown) {
  static const Names names = {"left_out", "targets"};
  return names;
}

const Names& names_of(HgtSampling) {
  static const Names names = {"neighbors", "edges"};
  return names;
}

const Names& names_of(HgtMessages) {
  static const Names names = {"graph", "shuffled", "none"};
  return names;
}

const Names& names_of(HgtNegatives) {
  static const Names names = {"degree_matched", "uniform"};
  return names;
}

const Names& names_of(HgtComparison) {
  static const Names names = {"batch", "device", "messages", "features"};
  return names;
}

const Names& variants_of(HgtComparison comparison) {
  static const Names batch = {"mini", "full"};
  static const Names device = {"cpu", "cuda"};
  static const Names features = {"learned", "random", "ones"};
  switch (comparison) {
    case HgtComparison::device:
      return device;
    case HgtComparison::messages:
      return names_of(HgtMessages{});
    case HgtComparison::features:
      return features;
    case HgtComparison::batch:
      break;
  }
  return batch;
}

std::vector<std::string> name_list(const std::string& text) {
  std::vector<std::string> names;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size() && !text.empty(); ++i) {
    if (i < text.size() && text[i] == '(') ++depth;
    if (i < text.size() && text[i] == ')') --depth;
    if (i < text.size() && (text[i] != ',' || depth > 0)) continue;
    names.push_back(trimmed(text.substr(begin, i - begin)));
    begin = i + 1;
  }
  return names;
}

std::vector<std::int64_t> neighbor_counts(const std::string& num_neighbors) {
  std::vector<std::int64_t> counts;
  for (const std::string& name : name_list(num_neighbors)) {
    counts.push_back(name == "all" ? kAll : std::stoll(name));
  }
  return counts;
}

std::vector<std::int64_t> seed_list(const std::string& seeds) {
  std::vector<std::int64_t> list;
  for (const std::string& seed : name_list(seeds)) list.push_back(std::stoll(seed));
  return list;
}

}  // namespace hgnn_moe

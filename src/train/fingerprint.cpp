#include "hgnn_moe/train/fingerprint.h"

#include <fmt/format.h>

namespace hgnn_moe {
namespace {

std::string value_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

void compare_objects(const Json& saved, const Json& current, const std::string& prefix,
                     std::vector<std::string>& differences) {
  for (const auto& [key, value] : saved.items()) {
    const std::string name = prefix + key;
    const auto now = current.find(key);
    if (now == current.end()) {
      differences.push_back(
          fmt::format("{}: {} in the checkpoint, absent now", name, value_text(value)));
    } else if (value.is_object() && now->is_object()) {
      compare_objects(value, *now, name + ".", differences);
    } else if (value != *now) {
      differences.push_back(fmt::format("{}: {} in the checkpoint, {} now", name, value_text(value),
                                        value_text(*now)));
    }
  }
  for (const auto& [key, value] : current.items()) {
    if (!saved.contains(key)) {
      differences.push_back(
          fmt::format("{}: absent in the checkpoint, {} now", prefix + key, value_text(value)));
    }
  }
}

}  // namespace

std::vector<std::string> compare_fingerprint(const Json& saved, const Json& current) {
  std::vector<std::string> differences;
  compare_objects(saved, current, "", differences);
  return differences;
}

}  // namespace hgnn_moe

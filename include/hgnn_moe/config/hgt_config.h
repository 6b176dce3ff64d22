// The resolved configuration of hgt_embed: one field an option, named as its flag.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hgnn_moe {

enum class HgtCommand { validate };

struct HgtConfig {
  HgtCommand command = HgtCommand::validate;
  // Embeddings
  std::string embeddings;
  std::string ids;
  // Validation
  std::string graph;
  std::string json;
  // Machine
  std::int64_t seed = 42;
  std::int64_t threads = 0;  // 0: all cores
};

// The names of the commands, counted from 0.
const std::vector<std::string>& names_of(HgtCommand);

}  // namespace hgnn_moe

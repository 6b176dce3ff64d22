// What a data folder holds: token files by their names, and dataset.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "hgnn_moe/data/dataset.h"

namespace hgnn_moe::data {

// The facts of dataset.json that reading tokens needs; its other keys are for people and scripts.
struct DatasetInfo {
  std::string name;                  // empty: not given
  std::int64_t vocab_size = 0;       // 0: not given
  std::int64_t end_of_text_id = -1;  // -1: not given
};

// All "not given" where the folder has no dataset.json. Throws Error(data) for a wrong type or
// an impossible value.
DatasetInfo read_dataset_info(const std::filesystem::path& folder);

// The token file of a split: train.*, or eval.* before nanoGPT's val.*; of one name the .bin
// before the .npy. A lone .idx stands for its .bin, so that opening says which one is missing.
std::optional<std::filesystem::path> find_token_file(const std::filesystem::path& folder,
                                                     Split split);

// Whether `token_file` is in Megatron's indexed format: a .bin with an .idx beside it.
bool is_indexed(const std::filesystem::path& token_file);

}  // namespace hgnn_moe::data

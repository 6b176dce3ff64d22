// What a data folder holds: token files by their names, and dataset.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "hgnn_moe/data/dataset.h"
#include "hgnn_moe/data/token_array.h"

namespace hgnn_moe::data {

// The facts of dataset.json that reading tokens needs; its other keys are for people and scripts.
struct DatasetInfo {
  std::string name;                  // empty: not given
  std::int64_t vocab_size = 0;       // 0: not given
  std::int64_t end_of_text_id = -1;  // -1: not given
  std::optional<TokenType> dtype;    // of the ids in every token file
  // Whether scripts/prepare_data.py wrote it, known by `mode` beside `dtype`. Its .bin files are
  // Megatron's, so one without an .idx is half of a pair, not nanoGPT's.
  bool is_prepared = false;
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

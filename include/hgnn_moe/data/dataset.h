// A data folder opened for training: dataset.json, the token files and the two sample sets.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hgnn_moe/config/train_config.h"
#include "hgnn_moe/data/batch.h"

namespace hgnn_moe::data {

// Samples of one split (train or eval). Thread-safe: reading is const.
class SampleSet {
 public:
  virtual ~SampleSet() = default;
  virtual std::int64_t size() const = 0;
  // Real input tokens of sample `index`: min(document, T) in lines mode, T in packed mode.
  virtual std::int64_t length(std::int64_t index) const = 0;
  // Writes length(index) inputs and as many targets (kNoTarget where there is none).
  virtual void read(std::int64_t index, std::int64_t* inputs, std::int64_t* targets) const = 0;
  // Targets a sample slot can hold: T-1 in lines mode, T in packed mode (columns of
  // dump_token_losses).
  virtual std::int64_t max_targets() const = 0;
};

struct Dataset {
  std::string folder;      // resolved
  std::string name;        // dataset.json's name, else the folder's
  bool synthetic = false;  // data_mode "synthetic" in every artefact
  std::int64_t vocab_size = 0;
  std::int64_t end_of_text_id = -1;  // -1: none known
  // XXH3-128 of the token files in use (when config.eval_only, of the evaluation data alone); what
  // resume compares.
  std::string content_hash;
  std::unique_ptr<SampleSet> train;  // null when config.eval_only
  std::unique_ptr<SampleSet> eval;
  std::vector<std::string> notes;  // sentences for the log, e.g. a sample count above what exists
};

// Finds and opens the data `config` names and checks every id against the vocabulary once.
// Throws Error(data) with file and offset, or how to prepare the data where they are missing, and
// Error(usage) where max_seq_length or vocab_size leave nothing to learn.
Dataset open_dataset(const TrainConfig& config);

// Whether there is a token file for `config`, or it asks for synthetic data (dry_run works without
// either).
bool dataset_exists(const TrainConfig& config);

// How many samples of a set of `size` a run uses that asks for `count` (-1: all).
std::int64_t chosen_count(std::int64_t size, std::int64_t count);

// The rows of a set of `size` samples that a run uses: the first `count` (-1: all) of a seeded
// shuffle, or of file order without `shuffle`; returned in file order, which is the order of
// evaluation. A larger count keeps the rows of a smaller one. `split` keeps train and eval apart.
enum class Split : std::uint32_t { train, eval };
std::vector<std::int64_t> choose_samples(std::int64_t size, std::int64_t count, bool shuffle,
                                         std::uint64_t seed, Split split);

// `samples` in the order of `epoch` (from 0): reshuffled with `shuffle`, else unchanged. A pure
// function of its arguments.
std::vector<std::int64_t> epoch_order(const std::vector<std::int64_t>& samples, bool shuffle,
                                      std::uint64_t seed, std::int64_t epoch);

// Assembles the batch of order[first, first + size), which must lie inside `order`.
Batch make_batch(const SampleSet& set, const std::vector<std::int64_t>& order, std::int64_t first,
                 std::int64_t size);

}  // namespace hgnn_moe::data

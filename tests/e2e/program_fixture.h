// What tests of hgnn_moe_train share: its flags, a folder to run it in, and what a run leaves.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/data/data_files.h"
#include "tests/support/process.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/json.h"

namespace hgnn_moe::e2e {

namespace fs = std::filesystem;

// Flags by name, so that a test can change one of a set it was given. An empty value stands for
// a flag without one: {"no_shuffle", ""}.
class Flags {
 public:
  using Entry = std::pair<std::string, std::string>;

  Flags(std::initializer_list<Entry> entries) { set(entries); }

  Flags with(const Flags& changes) const;
  Flags without(const std::string& name) const;

  std::vector<std::string> arguments() const;

 private:
  void set(const std::vector<Entry>& entries);

  std::vector<Entry> entries_;
};

// A model that trains a step in milliseconds: D 16, one layer, two experts, T 16, one thread; four
// samples a batch, four to evaluate; run "run" in the folder "runs".
Flags tiny();

// tiny() on generated data of 64 ids.
Flags tiny_synthetic();

inline constexpr std::int64_t kVocabSize = 64;
inline constexpr std::int64_t kEndOfText = 63;

// `count` documents of 2 to 24 tokens below kEndOfText: a walk that a model can learn, different
// for each seed.
std::vector<data::testing::Document> make_documents(std::int64_t count, std::int64_t seed);

// DATA/{train,eval}.{bin,idx} and dataset.json in a new folder.
void write_dataset(const fs::path& folder, const std::vector<data::testing::Document>& train,
                   const std::vector<data::testing::Document>& eval);

bool contains(const std::string& text, const std::string& part);
std::size_t count_of(const std::string& text, const std::string& part);
std::vector<std::string> names_in(const fs::path& folder);  // sorted

// The program ran to its end without an error.
void expect_success(const ProcessResult& result);

// It ended with `code` and a message that holds every fragment, and printed nothing else.
void expect_failure(const ProcessResult& result, ExitCode code,
                    const std::vector<std::string>& fragments);

Json read_json(const fs::path& path);

// The lines of metrics.jsonl.
std::vector<Json> read_metrics(const fs::path& run);

// Only those of one event: "step", "eval" or "coupler".
std::vector<Json> read_events(const fs::path& run, const std::string& event);

// One field of those lines, in order.
std::vector<double> read_series(const fs::path& run, const std::string& event,
                                const std::string& field);

// Without the fields that measure time and memory.
Json without_measurements(Json line);

// RUN/checkpoints/NAME of the one-line file `pointer`, "latest" or "best".
fs::path checkpoint_of(const fs::path& run, const std::string& pointer = "latest");

// Every file of the folder by its path in it, with its content.
std::vector<std::pair<std::string, std::string>> snapshot(const fs::path& folder);

// Two runs agree in every bit but those that measure: checkpoints, metrics and summary.
void expect_same_run(const fs::path& expected, const fs::path& found);

// Two runs agree in every bit of their metrics that measures nothing.
void expect_same_metrics(const fs::path& expected, const fs::path& found);

// A test with a temporary folder that programs run in.
class ProgramTest : public ::testing::Test {
 protected:
  static std::string program();

  const fs::path& folder() const { return folder_.path(); }
  fs::path path(const std::string& name) const { return folder() / name; }

  ProcessResult run(const std::vector<std::string>& arguments, ProcessOptions options = {}) const;
  ProcessResult run(const Flags& flags, ProcessOptions options = {}) const;
  std::unique_ptr<Process> start(const Flags& flags) const;

 private:
  ProcessOptions in_folder(ProcessOptions options) const;

  data::testing::TemporaryFolder folder_;
};

}  // namespace hgnn_moe::e2e

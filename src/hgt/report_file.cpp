#include "report_file.h"

#include <algorithm>
#include <iterator>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"

namespace hgnn_moe::hgt {

namespace {

namespace fs = std::filesystem;

// What a run or a comparison reads again, in its folder or in that of a checkpoint.
constexpr const char* kKept[] = {"config.json",
                                 "run_summary.json",
                                 "metrics.jsonl",
                                 "train.log",
                                 "options.json",
                                 "output.log",
                                 "compare.json",
                                 "compare.log",
                                 "curves.csv",
                                 "state.json",
                                 "model.safetensors",
                                 "optimizer.safetensors",
                                 "embeddings.safetensors"};
// One of these lies beside each.
constexpr const char* kSigns[] = {"config.json", "compare.json", "state.json"};

bool is_kept_by_a_run(const fs::path& path) {
  const auto is_there = [&](const char* name) { return fs::exists(path.parent_path() / name); };
  return std::find(std::begin(kKept), std::end(kKept), path.filename()) != std::end(kKept) &&
         fs::exists(path) && std::any_of(std::begin(kSigns), std::end(kSigns), is_there);
}

}  // namespace

void expect_writable(const std::string& path) {
  if (path.empty()) return;
  if (is_kept_by_a_run(path)) {
    fail(ExitCode::usage,
         "'{}' is a file of a run, which needs it as it is; give another name to write to", path);
  }
  const AtomicFile probe(path);
}

void write_report(const std::string& path, const Json& record) {
  if (!path.empty()) write_file_atomically(path, json_text(record, 2) + "\n");
}

}  // namespace hgnn_moe::hgt

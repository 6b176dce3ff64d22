// Sweep files for tests.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/base/test_support.h"
#include "tests/config/parse_support.h"

#include "hgnn_moe/sweep/sweep_file.h"
#include "hgnn_moe/sweep/sweep_plan.h"

namespace hgnn_moe {

// A model whose sizes are known without data, on generated data where it is trained.
inline const std::string kSmallBase = R"({"synthetic_data": true, "vocab_size": 64,
    "embed_dim": 16, "num_heads": 2, "num_layers": 1, "num_experts": 2, "max_seq_length": 16,
    "batch_size": 8, "max_steps": 3})";

class SweepFileTest : public testing::Test {
 protected:
  // The file's path.
  std::string write(const std::string& content, const std::string& name = "sweep.json") {
    put_file(folder_ / name, content);
    return (folder_ / name).string();
  }

  SweepFile read(const std::string& content) { return read_sweep_file(write(content)); }

  // What is wrong with a file, without its path: a sentence a line.
  std::string errors_of_file(const std::string& content) {
    const std::string path = write(content);
    std::string errors = message_of_error(ExitCode::usage, [&] { read_sweep_file(path); });
    return with_places(errors);
  }

  // `text` with FILE and FOLDER for the path of sweep.json and its folder.
  std::string with_places(std::string text) const {
    const std::string folder = folder_.path().string();
    for (const auto& [place, name] :
         {std::pair{folder + "/sweep.json", "FILE"}, std::pair{folder, "FOLDER"}}) {
      for (std::size_t at = 0; (at = text.find(place)) != std::string::npos;) {
        text.replace(at, place.size(), name);
      }
    }
    return text;
  }

  // `parts` are those of a file beside its base.
  SweepPlan plan(const std::string& parts, std::vector<std::string> flags = {}) {
    const std::string path =
        write("{\"base\": " + kSmallBase + (parts.empty() ? "" : ", ") + parts + "}");
    flags.insert(flags.end(), {"--sweep", path});
    Forecaster forecaster;
    return make_sweep_plan(read_sweep_file(path), parse(flags), forecaster);
  }

  const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
};

}  // namespace hgnn_moe

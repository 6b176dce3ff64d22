// A small graph and a run on it, for tests of hgt_embed.
#pragma once

#include <string>
#include <vector>

#include <fmt/format.h>

#include "tests/e2e/program_fixture.h"

namespace hgnn_moe::e2e {

class HgtRunTest : public ProgramTest {
 protected:
  static constexpr int kEntities = 48;

  void SetUp() override { write_graph(); }

  // Entities on a circle with steps of 1, 5 and 12: what is held out follows from the rest.
  void write_graph() const {
    fs::create_directories(path("circle"));
    std::string parts[3];
    int row = 0;
    for (const int step : {1, 5, 12}) {
      for (int i = 0; i < kEntities; ++i, ++row) {
        std::string& part = parts[row % 12 == 5 ? 1 : row % 12 == 9 ? 2 : 0];
        part += fmt::format("e{}\tstep{}\te{}\n", i, step, (i + step) % kEntities);
      }
    }
    data::testing::write_bytes(path("circle/train.txt"), parts[0]);
    data::testing::write_bytes(path("circle/valid.txt"), parts[1]);
    data::testing::write_bytes(path("circle/test.txt"), parts[2]);
  }

  // A model that trains an epoch in milliseconds.
  static Flags tiny() {
    return {{"hidden_dim", "16"},        {"embedding_dim", "16"},   {"num_heads", "2"},
            {"num_epochs", "12"},        {"eval_every", "3"},       {"batch_size", "40"},
            {"accumulation_steps", "2"}, {"learning_rate", "0.01"}, {"threads", "1"},
            {"device", "cpu"},           {"run_name", "run"},       {"checkpoint_dir", "runs"}};
  }

  static std::vector<std::string> command(const std::string& name, const std::string& positional,
                                          const Flags& flags) {
    std::vector<std::string> words = {HGNN_MOE_BIN_DIR "/hgt_embed", name, positional};
    for (const std::string& word : flags.arguments()) words.push_back(word);
    return words;
  }

  ProcessOptions options() const {
    ProcessOptions options;
    options.folder = folder();
    options.environment.emplace("OMP_NUM_THREADS", "1");
    return options;
  }

  ProcessResult hgt(const std::string& name, const std::string& positional,
                    const Flags& flags) const {
    return run_process(command(name, positional, flags), options());
  }

  ProcessResult train(const Flags& flags, const std::string& graph = "circle") const {
    return hgt("train", graph, flags);
  }

  Json summary(const std::string& run = "runs/run") const {
    return read_json(path(run) / "run_summary.json");
  }
};

}  // namespace hgnn_moe::e2e

// What tests of --sweep share.
#pragma once

#include "tests/e2e/program_fixture.h"

namespace hgnn_moe::e2e {

// Options of a run that takes a fraction of a second, as the base of a sweep file.
inline const std::string kTinyBase = R"("base": {"synthetic_data": true, "vocab_size": 64,
    "embed_dim": 16, "num_heads": 2, "num_layers": 1, "num_experts": 2, "max_seq_length": 16,
    "batch_size": 4, "num_eval_samples": 4, "max_steps": 6, "eval_every": 3, "threads": 1})";

class SweepTest : public ProgramTest {
 protected:
  // Writes sweep.json of kTinyBase and `parts`.
  void write_sweep(const std::string& parts) const {
    data::testing::write_bytes(path("sweep.json"), "{" + kTinyBase + ", " + parts + "}");
  }

  static Flags sweep_flags() { return {{"sweep", "sweep.json"}, {"checkpoint_dir", "runs"}}; }

  Json table(const std::string& name = "sweep") const {
    return read_json(path("runs/" + name + "/sweep.json"));
  }

  // The table without what a repetition may measure differently.
  Json repeatable_table(const std::string& name = "sweep") const {
    Json sweep = table(name);
    sweep.erase("name");
    for (Json& row : sweep.at("rows")) row.erase("measured");
    return sweep;
  }

  // The rows' values of one key.
  Json column(const std::string& key) const {
    Json values = Json::array();
    const Json sweep = table();
    for (const Json& row : sweep.at("rows")) values.push_back(row.at(key));
    return values;
  }

  fs::path run_folder(std::size_t row) const {
    return path("runs/sweep") / table().at("rows").at(row).at("id").get<std::string>();
  }
};

}  // namespace hgnn_moe::e2e

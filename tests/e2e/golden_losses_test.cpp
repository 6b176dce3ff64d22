// Losses and gradient norms of short runs stay those of tests/golden/losses.json. A change that
// alters numbers beyond rounding fails here, also one that training would forgive; where it is
// meant, HGNN_MOE_WRITE_GOLDEN=1 writes the file anew, and its difference belongs into the review.
#include <cmath>
#include <cstdlib>
#include <map>

#include "tests/e2e/program_fixture.h"

#include "hgnn_moe/base/files.h"

namespace hgnn_moe::e2e {
namespace {

// Relative. Other instruction sets, thread counts and paths differ from the file by 2.5e-7 in
// losses (of fp32), 8e-9 in evaluation losses (means in float64) and 4e-7 in norms; in bf16 by
// 4e-4, 2.5e-4 and 8e-3.
struct Tolerance {
  double loss, eval_loss, grad_norm;
};
constexpr Tolerance kFp32{1e-6, 1e-7, 3e-6};
constexpr Tolerance kBf16{2e-3, 1e-3, 3e-2};

const fs::path& golden_file() {
  static const fs::path file = fs::path(HGNN_MOE_SOURCE_DIR) / "tests" / "golden" / "losses.json";
  return file;
}

bool writes_golden() { return std::getenv("HGNN_MOE_WRITE_GOLDEN") != nullptr; }

class GoldenLossesTest : public ProgramTest {
 protected:
  GoldenLossesTest() {
    write_dataset(path("text"), make_documents(60, /*seed=*/1), make_documents(12, /*seed=*/2));
  }

  // 20 steps, dropout included, of a model whose sizes no vector of a CPU divides.
  static Flags flags() {
    return tiny().with({{"embed_dim", "36"},
                        {"num_heads", "3"},
                        {"num_layers", "2"},
                        {"num_experts", "4"},
                        {"dataset_name", "text"},
                        {"max_seq_length", "20"},
                        {"num_eval_samples", "-1"},
                        {"eval_every", "10"},
                        {"max_steps", "20"},
                        {"learning_rate", "2e-3"},
                        {"warmup_steps", "4"},
                        {"quiet", ""},
                        {"overwrite", ""}});
  }

  // What the file holds of a run.
  Json train(const Flags& flags, const ProcessOptions& options = {}) const {
    expect_success(run(flags, options));
    const fs::path folder = path("runs") / "run";
    return {{"loss", read_series(folder, "step", "loss")},
            {"grad_norm", read_series(folder, "step", "grad_norm")},
            {"eval_loss", read_series(folder, "eval", "loss")}};
  }
};

void expect_near(const std::string& field, const Json& golden, const Json& found,
                 double tolerance) {
  const auto expected = golden.at(field).get<std::vector<double>>();
  const auto values = found.at(field).get<std::vector<double>>();
  ASSERT_EQ(expected.size(), values.size()) << field;
  ASSERT_FALSE(expected.empty()) << field;
  double largest = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::abs(values[i] - expected[i]) / std::abs(expected[i]));
  }
  EXPECT_LE(largest, tolerance) << "largest relative difference of " << field;
}

void expect_golden(const std::string& name, const Json& found, Tolerance tolerance) {
  SCOPED_TRACE(name);
  const Json golden = read_json(golden_file());
  ASSERT_TRUE(golden.contains(name)) << "write it with HGNN_MOE_WRITE_GOLDEN=1";
  expect_near("loss", golden.at(name), found, tolerance.loss);
  expect_near("eval_loss", golden.at(name), found, tolerance.eval_loss);
  expect_near("grad_norm", golden.at(name), found, tolerance.grad_norm);
}

// What the runs of the file are: each adds to flags().
const std::map<std::string, Flags>& golden_runs() {
  static const std::map<std::string, Flags> runs{
      {"gnn", {{"coupler_type", "GNN"}}},
      {"gnn one expert", {{"coupler_type", "GNN"}, {"num_experts", "1"}}},
      {"hgnn pairs", {{"coupler_type", "HGNN"}}},
      {"hgnn triplets, raw, paper, gelu, residual",
       {{"coupler_type", "HGNN"},
        {"static_hyperedge_strategy", "all_triplets"},
        {"num_experts", "5"},
        {"hyperedge_weight_param", "raw"},
        {"hyperedge_weighting", "paper"},
        {"hgnn_activation", "gelu"},
        {"hgnn_residual", ""}}},
      {"hgnn weights of tokens", {{"coupler_type", "HGNN"}, {"hyperedge_weight_source", "token"}}},
      {"hgnn, accumulated", {{"coupler_type", "HGNN"}, {"gradient_accumulation_steps", "3"}}},
      {"mean", {{"coupler_type", "MEAN"}}},
      {"none, packed", {{"coupler_type", "NONE"}, {"num_experts", "1"}, {"sample_mode", "packed"}}},
      {"gnn, bf16", {{"coupler_type", "GNN"}, {"precision", "bf16"}}},
      {"hgnn pairs, bf16", {{"coupler_type", "HGNN"}, {"precision", "bf16"}}},
  };
  return runs;
}

Tolerance tolerance_of(const std::string& name) { return contains(name, "bf16") ? kBf16 : kFp32; }

TEST_F(GoldenLossesTest, RunsGiveTheLossesOfTheFile) {
  Json all;
  for (const auto& [name, changes] : golden_runs()) {
    const Json found = train(flags().with(changes));
    if (writes_golden()) {
      all[name] = found;
    } else {
      expect_golden(name, found, tolerance_of(name));
    }
  }
  if (writes_golden()) write_file_atomically(golden_file(), all.dump(1) + "\n");
}

// One file for everyone: instruction sets, threads and paths differ from it by rounding alone.
TEST_F(GoldenLossesTest, EveryWayOfComputingGivesThem) {
  ProcessOptions plain_kernels;
  plain_kernels.environment["HGNN_MOE_CPU"] = "baseline";
  for (const std::string name : {"gnn", "hgnn pairs", "hgnn pairs, bf16"}) {
    const Flags common = flags().with(golden_runs().at(name));
    const Tolerance tolerance = tolerance_of(name);
    expect_golden(name, train(common, plain_kernels), tolerance);
    expect_golden(name, train(common.with({{"threads", "2"}})), tolerance);
    expect_golden(name, train(common.with({{"expert_path", "reference"}})), tolerance);
    expect_golden(name, train(common.with({{"coupler_path", "sequential"}})), tolerance);
    expect_golden(name, train(common.with({{"activation_checkpointing", "layer"}})), tolerance);
  }
}

}  // namespace
}  // namespace hgnn_moe::e2e

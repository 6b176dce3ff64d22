// What --dry_run announces is what a run takes on a CPU.
#include "tests/e2e/program_fixture.h"

namespace hgnn_moe::e2e {
namespace {

class MemorySlowTest : public ProgramTest {
 protected:
  // Packed samples are all of full length, as the estimate assumes.
  static Flags full_batches(const Flags& model) {
    return Flags{{"synthetic_data", ""}, {"sample_mode", "packed"}, {"max_seq_length", "128"},
                 {"threads", "1"},       {"device", "cpu"},         {"max_steps", "2"},
                 {"eval_every", "0"},    {"num_eval_samples", "8"}, {"checkpoint_dir", "runs"},
                 {"run_name", "run"}}
        .with(model);
  }

  void expect_estimate_within_a_quarter(const Flags& model) const {
    expect_estimate_within(0.25, model);
  }

  void expect_estimate_within(double share, const Flags& model) const {
    const Flags flags = full_batches(model);
    const ProcessResult dry_run = run(flags.with({{"dry_run", ""}}));
    ASSERT_NO_FATAL_FAILURE(expect_success(dry_run));
    const Json memory = parse_json(dry_run.out, "--dry_run", ExitCode::internal).at("memory");
    expect_success(run(flags));
    const double estimate = memory.at("total").get<double>();
    const double peak = read_json(path("runs/run/run_summary.json")).at("peak_memory_bytes");
    EXPECT_NEAR(peak, estimate, share * estimate) << memory;
  }
};

TEST_F(MemorySlowTest, Hgnn) {
  expect_estimate_within_a_quarter({{"coupler_type", "HGNN"},
                                    {"num_experts", "4"},
                                    {"embed_dim", "128"},
                                    {"num_layers", "2"},
                                    {"batch_size", "16"},
                                    {"vocab_size", "8192"},
                                    {"dropout_rate", "0"}});
}

TEST_F(MemorySlowTest, GnnWithDropout) {
  expect_estimate_within_a_quarter({{"coupler_type", "GNN"},
                                    {"num_experts", "2"},
                                    {"embed_dim", "128"},
                                    {"num_layers", "4"},
                                    {"batch_size", "16"},
                                    {"vocab_size", "4096"},
                                    {"dropout_rate", "0.1"}});
}

// Eight coupler layers would keep 33 tensors of all experts; in chunks they keep one.
TEST_F(MemorySlowTest, GnnInChunks) {
  const Flags whole{{"coupler_type", "GNN"}, {"num_experts", "4"}, {"embed_dim", "64"},
                    {"num_layers", "2"},     {"gnn_layers", "8"},  {"batch_size", "32"},
                    {"vocab_size", "512"},   {"dropout_rate", "0"}};
  expect_estimate_within_a_quarter(whole);
  expect_estimate_within_a_quarter(whole.with({{"coupler_chunk", "256"}, {"overwrite", ""}}));
}

// Six layers, of which one at a time has its activations.
TEST_F(MemorySlowTest, CheckpointedLayersTakeLess) {
  const Flags flags = full_batches({{"coupler_type", "HGNN"},
                                    {"num_experts", "4"},
                                    {"embed_dim", "128"},
                                    {"num_layers", "6"},
                                    {"batch_size", "16"},
                                    {"vocab_size", "1024"},
                                    {"dropout_rate", "0.1"},
                                    {"overwrite", ""}});
  const auto memory = [&](const char* checkpointing) {
    const Flags one = flags.with({{"activation_checkpointing", checkpointing}});
    expect_success(run(one));
    const ProcessResult dry_run = run(one.without("overwrite").with({{"dry_run", ""}}));
    expect_success(dry_run);
    const Json estimate = parse_json(dry_run.out, "--dry_run", ExitCode::internal).at("memory");
    return std::pair(
        read_json(path("runs/run/run_summary.json")).at("peak_memory_bytes").get<double>(),
        estimate.at("total").get<double>());
  };
  const auto [all, all_estimated] = memory("none");
  const auto [some, some_estimated] = memory("layer");
  EXPECT_LT(some, 0.75 * all);
  EXPECT_LT(some_estimated, 0.75 * all_estimated);
}

// Its parameters are most of its memory, and a checkpoint in the background copies them.
TEST_F(MemorySlowTest, CheckpointsInTheBackground) {
  const Flags flags{{"coupler_type", "NONE"}, {"num_experts", "1"}, {"embed_dim", "512"},
                    {"num_layers", "1"},      {"batch_size", "1"},  {"vocab_size", "30000"},
                    {"dropout_rate", "0"},    {"save_every", "1"}};
  expect_estimate_within_a_quarter(flags);
  expect_estimate_within_a_quarter(flags.with({{"save_every", "0"}, {"overwrite", ""}}));
}

// Where the head's temporaries and the gradients of the micro-batches before are each a sixth of
// all.
TEST_F(MemorySlowTest, AccumulatedGradients) {
  const Flags flags{{"coupler_type", "HGNN"}, {"num_experts", "2"}, {"embed_dim", "384"},
                    {"num_layers", "6"},      {"gnn_layers", "3"},  {"batch_size", "4"},
                    {"vocab_size", "50257"}};
  expect_estimate_within(0.15, flags);
  expect_estimate_within(0.15,
                         flags.with({{"gradient_accumulation_steps", "3"}, {"overwrite", ""}}));
}

TEST_F(MemorySlowTest, PlainTransformer) {
  expect_estimate_within_a_quarter({{"coupler_type", "NONE"},
                                    {"num_experts", "1"},
                                    {"embed_dim", "256"},
                                    {"num_layers", "4"},
                                    {"batch_size", "8"},
                                    {"vocab_size", "8192"},
                                    {"dropout_rate", "0"}});
}

// "All in one batch" is a number above that of the samples: batches are padded by their own size.
// By batch_size the head would have millions of rows, a gigabyte.
TEST_F(MemorySlowTest, ABatchSizeAboveTheDataTakesNoMore) {
  const auto peak = [&](const char* batch_size) {
    const Flags flags = full_batches({{"coupler_type", "HGNN"},
                                      {"num_experts", "2"},
                                      {"embed_dim", "32"},
                                      {"num_layers", "1"},
                                      {"vocab_size", "64"},
                                      {"num_train_samples", "6"},
                                      {"batch_size", batch_size},
                                      {"eval_every", "1"},
                                      {"overwrite", ""}});
    expect_success(run(flags));
    return read_json(path("runs/run/run_summary.json")).at("peak_memory_bytes").get<double>();
  };
  EXPECT_LT(peak("1000000"), 1.3 * peak("6"));
}

// Nor does a max_seq_length above every line: samples are padded to the longest.
TEST_F(MemorySlowTest, AMaximumLengthAboveTheDataTakesNoMore) {
  write_dataset(path("data"), std::vector<data::testing::Document>(8, {1, 2, 3, 4, 5}),
                {{1, 2, 3}, {4, 5}});
  const auto flags_for = [](const char* max_seq_length) {
    return Flags{{"dataset_name", "data"},   {"max_seq_length", max_seq_length},
                 {"batch_size", "8"},        {"coupler_type", "MEAN"},
                 {"num_experts", "8"},       {"embed_dim", "16"},
                 {"num_heads", "2"},         {"num_layers", "4"},
                 {"threads", "1"},           {"device", "cpu"},
                 {"max_steps", "2"},         {"eval_every", "1"},
                 {"checkpoint_dir", "runs"}, {"run_name", "run"},
                 {"overwrite", ""}};
  };
  const auto estimate = [&](const char* max_seq_length) {
    const ProcessResult result = run(flags_for(max_seq_length).with({{"dry_run", ""}}));
    expect_success(result);
    return Json::parse(result.out).at("memory").at("total").get<double>();
  };
  const auto peak = [&](const char* max_seq_length) {
    expect_success(run(flags_for(max_seq_length)));
    return read_json(path("runs/run/run_summary.json")).at("peak_memory_bytes").get<double>();
  };
  EXPECT_LT(peak("50000"), 1.3 * peak("8"));
  EXPECT_LT(estimate("50000"), 1.3 * estimate("8"));
}

// Lines make batches of many sizes. The heap and what libraries keep of a size would double.
TEST_F(MemorySlowTest, LinesTakeNoMoreWithEverySize) {
  const Flags flags{
      {"synthetic_data", ""},        {"sample_mode", "lines"},   {"max_seq_length", "128"},
      {"batch_size", "16"},          {"coupler_type", "HGNN"},   {"num_experts", "4"},
      {"embed_dim", "128"},          {"num_layers", "4"},        {"vocab_size", "8192"},
      {"precision", "bf16"},         {"threads", "1"},           {"device", "cpu"},
      {"num_train_samples", "2000"}, {"num_eval_samples", "8"},  {"max_steps", "120"},
      {"eval_every", "0"},           {"checkpoint_dir", "runs"}, {"run_name", "run"}};
  expect_success(run(flags));
  const std::vector<double> bytes = read_series(path("runs/run"), "step", "memory_bytes");
  ASSERT_EQ(bytes.size(), 120u);
  EXPECT_LT(bytes.back(), 1.4 * bytes[19]);
}

}  // namespace
}  // namespace hgnn_moe::e2e

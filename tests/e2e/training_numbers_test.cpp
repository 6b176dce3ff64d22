// Ways of computing the same thing give the same numbers: to the bit where the arithmetic is the
// same, to rounding where its order differs.
#include <cmath>
#include <cstring>

#include "tests/e2e/program_fixture.h"

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/npy.h"

namespace hgnn_moe::e2e {
namespace {

using data::testing::bytes_of;
using data::testing::Document;
using data::testing::write_bytes;

// A few thousand additions in fp32.
constexpr double kRounding = 2e-5;

struct TokenLosses {
  std::vector<std::size_t> shape;
  std::vector<float> values;
};

TokenLosses read_token_losses(const fs::path& path) {
  const MappedFile file(path, ExitCode::internal);
  const NpyArray header = read_npy_header(file, ExitCode::internal);
  EXPECT_EQ(header.type, NpyType::f4);
  TokenLosses losses{header.shape, std::vector<float>(header.count)};
  std::memcpy(losses.values.data(), file.bytes().data + header.data_offset,
              header.count * sizeof(float));
  return losses;
}

class TrainingNumbersTest : public ProgramTest {
 protected:
  TrainingNumbersTest() { write_dataset(path("text"), train_, eval_); }

  Flags flags(const std::string& run_name) const {
    return tiny().with({{"dataset_name", "text"},
                        {"run_name", run_name},
                        {"num_eval_samples", "-1"},
                        {"eval_every", "5"},
                        {"quiet", ""}});
  }

  fs::path run_folder(const std::string& run_name) const { return path("runs") / run_name; }

  void expect_close_series(const std::string& a, const std::string& b, const std::string& event,
                           const std::string& field, double tolerance) const {
    const std::vector<double> expected = read_series(run_folder(a), event, field);
    const std::vector<double> found = read_series(run_folder(b), event, field);
    ASSERT_EQ(expected.size(), found.size());
    ASSERT_FALSE(expected.empty());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(expected[i], found[i], tolerance * std::abs(expected[i])) << field << " " << i;
    }
  }

  const std::vector<Document> train_ = make_documents(30, 1);
  const std::vector<Document> eval_ = make_documents(11, 2);
};

// Dropout is on: a sample's masks do not depend on the micro-batch that it is in.
TEST_F(TrainingNumbersTest, AccumulationIsTheBigBatch) {
  for (const char* coupler : {"GNN", "HGNN"}) {
    const std::string suffix = coupler;
    const Flags common =
        flags("").with({{"coupler_type", coupler}, {"dropout_rate", "0.3"}, {"epochs", "3"}});
    const auto run_as = [&](const std::string& name, const char* batch, const char* accumulation) {
      expect_success(run(common.with({{"run_name", name + suffix},
                                      {"batch_size", batch},
                                      {"gradient_accumulation_steps", accumulation}})));
    };
    run_as("big", "8", "1");
    run_as("small", "2", "4");
    run_as("single", "1", "8");
    for (const std::string name : {"small", "single"}) {
      for (const char* field : {"loss", "learning_rate", "tokens"}) {
        expect_close_series("big" + suffix, name + suffix, "step", field, kRounding);
      }
      expect_close_series("big" + suffix, name + suffix, "step", "grad_norm", 1e-3);
      expect_close_series("big" + suffix, name + suffix, "eval", "loss", kRounding);
    }
  }
  EXPECT_EQ(read_events(run_folder("bigGNN"), "step").size(), 12u);
}

TEST_F(TrainingNumbersTest, TheNumberOfWorkersChangesNoBit) {
  for (const char* workers : {"0", "1", "4"}) {
    expect_success(
        run(flags(workers).with({{"num_workers_dataloader", workers}, {"epochs", "3"}})));
  }
  for (const char* workers : {"1", "4"}) {
    expect_same_metrics(run_folder("0"), run_folder(workers));
    EXPECT_TRUE(snapshot(checkpoint_of(run_folder("0"))).front() ==
                snapshot(checkpoint_of(run_folder(workers))).front());
  }
}

// Alone a sample has no padding; in a batch it is padded to the longest.
TEST_F(TrainingNumbersTest, PaddingChangesNoLoss) {
  const auto evaluate = [&](const char* batch_size) {
    expect_success(run(flags(batch_size)
                           .with({{"batch_size", batch_size},
                                  {"eval_only", ""},
                                  {"dump_token_losses", std::string(batch_size) + ".npy"}})));
    return read_token_losses(path(std::string(batch_size) + ".npy"));
  };
  const TokenLosses alone = evaluate("1");
  const TokenLosses together = evaluate("11");
  ASSERT_EQ(alone.shape, together.shape);
  for (std::size_t i = 0; i < alone.values.size(); ++i) {
    ASSERT_EQ(std::isnan(alone.values[i]), std::isnan(together.values[i])) << i;
    if (std::isnan(alone.values[i])) continue;
    EXPECT_NEAR(alone.values[i], together.values[i], kRounding * alone.values[i]) << i;
  }
}

TEST_F(TrainingNumbersTest, EveryFormatOfOneStreamGivesTheSameBits) {
  const auto stream_of = [](const std::vector<Document>& documents) {
    Document stream;
    for (const Document& document : documents) {
      stream.insert(stream.end(), document.begin(), document.end());
      stream.push_back(kEndOfText);
    }
    return stream;
  };
  const auto write_as = [&](const std::string& format, const char* suffix, const auto& encode) {
    fs::create_directories(path(format));
    write_bytes(path(format) / "dataset.json", R"({"vocab_size": 64})");
    write_bytes(path(format) / (std::string("train") + suffix), encode(stream_of(train_)));
    write_bytes(path(format) / (std::string("val") + suffix), encode(stream_of(eval_)));
  };
  write_as("nanogpt", ".bin", [](const Document& ids) { return bytes_of<std::uint16_t>(ids); });
  write_as("llmc", ".bin", [](const Document& ids) { return data::testing::llmc_bytes(ids); });
  write_as("npy_u2", ".npy", [](const Document& ids) {
    return data::testing::npy_bytes("<u2", "(" + std::to_string(ids.size()) + ",)",
                                    bytes_of<std::uint16_t>(ids));
  });
  write_as("npy_i4", ".npy", [](const Document& ids) {
    return data::testing::npy_bytes("<i4", "(" + std::to_string(ids.size()) + ",)",
                                    bytes_of<std::int32_t>(ids));
  });
  for (const char* format : {"text", "nanogpt", "llmc", "npy_u2", "npy_i4"}) {
    expect_success(
        run(flags(format).with({{"dataset_name", format},
                                {"sample_mode", "packed"},
                                {"epochs", "2"},
                                {"dump_token_losses", std::string(format) + "_losses.npy"}})));
    expect_same_metrics(run_folder("text"), run_folder(format));
    EXPECT_TRUE(data::testing::read_bytes(path("text_losses.npy")) ==
                data::testing::read_bytes(path(std::string(format) + "_losses.npy")));
  }
}

// [samples, T-1] in lines mode: NaN from each line's last token on.
TEST_F(TrainingNumbersTest, TokenLossesOfLinesAverageToTheEvaluationLoss) {
  expect_success(run(flags("run").with({{"epochs", "1"}, {"dump_token_losses", "losses.npy"}})));
  const TokenLosses losses = read_token_losses(path("losses.npy"));
  ASSERT_EQ(losses.shape, (std::vector<std::size_t>{eval_.size(), 15}));
  double sum = 0;
  std::size_t targets = 0;
  for (std::size_t i = 0; i < losses.values.size(); ++i) {
    const bool has_target = i % 15 + 1 < eval_[i / 15].size();
    ASSERT_EQ(!std::isnan(losses.values[i]), has_target) << "sample " << i / 15;
    if (has_target) {
      sum += static_cast<double>(losses.values[i]);
      ++targets;
    }
  }
  const Json summary = read_json(run_folder("run") / "run_summary.json");
  const double loss = summary.at("final_eval_loss");
  EXPECT_NEAR(sum / static_cast<double>(targets), loss, 1e-12 * loss);
  EXPECT_EQ(read_series(run_folder("run"), "eval", "tokens").back(), targets);
}

// [windows, T] in packed mode: every window is full.
TEST_F(TrainingNumbersTest, TokenLossesOfWindowsHaveNoGap) {
  expect_success(run(flags("run").with({{"sample_mode", "packed"},
                                        {"epochs", "1"},
                                        {"dump_token_losses", "runs/run/./losses.npy"}})));
  const TokenLosses losses = read_token_losses(path("runs/run/losses.npy"));
  std::size_t stream = 0;
  for (const Document& document : eval_) stream += document.size() + 1;
  ASSERT_EQ(losses.shape, (std::vector<std::size_t>{(stream - 1) / 16, 16}));
  double sum = 0;
  for (const float value : losses.values) sum += static_cast<double>(value);
  const double loss = read_series(run_folder("run"), "eval", "loss").back();
  EXPECT_NEAR(sum / static_cast<double>(losses.values.size()), loss, 1e-12 * loss);
}

// A row for each sample, in file order, whichever were chosen.
TEST_F(TrainingNumbersTest, TokenLossesOfASubsetAreThoseRows) {
  const Flags evaluation = flags("run").with({{"eval_only", ""}, {"overwrite", ""}});
  expect_success(run(evaluation.with({{"dump_token_losses", "all.npy"}, {"batch_size", "1"}})));
  expect_success(run(evaluation.with(
      {{"dump_token_losses", "some.npy"}, {"batch_size", "1"}, {"num_eval_samples", "5"}})));
  const TokenLosses all = read_token_losses(path("all.npy"));
  const TokenLosses some = read_token_losses(path("some.npy"));
  ASSERT_EQ(some.shape, (std::vector<std::size_t>{5, 15}));
  const auto row = [](const TokenLosses& losses, std::size_t index) {
    const float* begin = losses.values.data() + index * 15;
    return std::string(reinterpret_cast<const char*>(begin), 15 * sizeof(float));
  };
  std::size_t next = 0;
  for (std::size_t i = 0; i < all.shape[0] && next < 5; ++i) {
    if (row(all, i) == row(some, next)) ++next;
  }
  EXPECT_EQ(next, 5u) << "rows are missing or in another order";
}

TEST_F(TrainingNumbersTest, EvaluatingTheTrainedWeightsGivesTheRunsLastLoss) {
  for (const char* coupler : {"GNN", "HGNN", "MEAN", "NONE"}) {
    const Flags model = flags(coupler).with({{"coupler_type", coupler}, {"epochs", "1"}});
    expect_success(run(model));
    const fs::path weights = checkpoint_of(run_folder(coupler)) / "model.safetensors";
    const std::string again = std::string(coupler) + "_again";
    expect_success(
        run(model.with({{"run_name", again}, {"init_from", weights.string()}, {"eval_only", ""}})));
    const Json trained = read_json(run_folder(coupler) / "run_summary.json");
    const Json evaluated = read_json(run_folder(again) / "run_summary.json");
    EXPECT_EQ(evaluated.at("final_eval_loss"), trained.at("final_eval_loss")) << coupler;
    EXPECT_EQ(evaluated.at("best_eval_loss"), trained.at("final_eval_loss")) << coupler;
    EXPECT_EQ(evaluated.at("steps"), 0);
  }
}

TEST_F(TrainingNumbersTest, TheSeedDecidesAndNothingElse) {
  const Flags few = flags("a").with({{"max_steps", "5"}});
  expect_success(run(few));
  expect_success(run(few.with({{"run_name", "b"}})));
  expect_success(run(few.with({{"run_name", "c"}, {"seed", "43"}})));
  expect_same_metrics(run_folder("a"), run_folder("b"));
  EXPECT_NE(read_series(run_folder("a"), "step", "loss"),
            read_series(run_folder("c"), "step", "loss"));
}

}  // namespace
}  // namespace hgnn_moe::e2e

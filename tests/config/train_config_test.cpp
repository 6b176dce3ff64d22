#include "hgnn_moe/config/train_config.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "tests/base/test_support.h"
#include "tests/config/parse_support.h"

namespace hgnn_moe {
namespace {

// Sets HGNN_MOE_DATA, or removes it, for one test.
class DataVariable {
 public:
  explicit DataVariable(const char* value) {
    const char* old = std::getenv(kName);
    was_set_ = old != nullptr;
    if (was_set_) old_ = old;
    value == nullptr ? unsetenv(kName) : setenv(kName, value, 1);
  }
  ~DataVariable() { was_set_ ? setenv(kName, old_.c_str(), 1) : unsetenv(kName); }
  DataVariable(const DataVariable&) = delete;
  DataVariable& operator=(const DataVariable&) = delete;

 private:
  static constexpr const char* kName = "HGNN_MOE_DATA";
  bool was_set_ = false;
  std::string old_;
};

TEST(TrainConfig, HeadsFollowTheWidthUnlessGiven) {
  TrainConfig config;
  const auto heads = [&config](std::int64_t embed_dim, std::int64_t num_heads) {
    config.embed_dim = embed_dim;
    config.num_heads = num_heads;
    return resolved_num_heads(config);
  };
  EXPECT_EQ(heads(64, 0), 1);
  EXPECT_EQ(heads(256, 0), 4);
  EXPECT_EQ(heads(384, 0), 6);
  EXPECT_EQ(heads(96, 0), 8);
  EXPECT_EQ(heads(384, 4), 4);
}

TEST(TrainConfig, CompatOriginalSetsExactlyTwoOptions) {
  TrainConfig config;
  config.hyperedge_weighting = HyperedgeWeighting::paper;
  const Json before = to_json(config);
  config.compat = Compat::original;
  Json expected = before;
  expected["compat"] = "original";
  expected["hyperedge_weighting"] = "pyg";
  expected["hyperedge_weight_param"] = "raw";
  EXPECT_EQ(to_json(config), expected);
}

TEST(TrainConfig, DataFolderComesFromFlagThenEnvironmentThenDefault) {
  TrainConfig config;
  {
    const DataVariable unset(nullptr);
    EXPECT_EQ(data_folder(config), "./data/wikitext/wikitext-2-v1");
    EXPECT_EQ(provenance_of(parse({}), "data_dir"), "default");
  }
  {
    const DataVariable empty("");
    EXPECT_EQ(resolve(config).data_dir, "./data");
  }
  const DataVariable variable("/from/environment");
  EXPECT_EQ(data_folder(config), "/from/environment/wikitext/wikitext-2-v1");
  EXPECT_EQ(provenance_of(parse({}), "data_dir"), "environment HGNN_MOE_DATA");
  config.data_dir = "given";
  config.dataset_name = "books";
  config.dataset_config_name = "small";
  EXPECT_EQ(data_folder(config), "given/books/small");
}

TEST(TrainConfig, AnEnvironmentThatIsNoTextIsAMistake) {
  const DataVariable variable("/tmp/e\xFF");
  EXPECT_TRUE(contains(errors_of({}), "HGNN_MOE_DATA is '/tmp/e\xEF\xBF\xBD', which is not UTF-8"))
      << errors_of({});
  EXPECT_NO_THROW(parse({"--data_dir", "here"})) << "it is not asked";
}

TEST(TrainConfig, ADatasetNameThatHoldsDataIsUsedAsItIs) {
  const DataVariable unset(nullptr);
  const ConfigFolder folder;
  TrainConfig config;
  config.dataset_name = folder.path().string();
  config.dataset_config_name = "variant";
  const std::string below_data_dir = (folder.path() / "variant").string();
  EXPECT_EQ(data_folder(config), below_data_dir);
  for (const char* file : {"dataset.json", "train.bin", "train.npy", "eval.bin", "eval.npy",
                           "val.bin", "val.npy", "train.idx", "eval.idx", "val.idx"}) {
    folder.write(file, "");
    EXPECT_EQ(data_folder(config), folder.path().string()) << file;
    EXPECT_EQ(data_folder_below_data_dir(config), below_data_dir) << file;
    std::filesystem::remove(folder.path() / file);
  }
  for (const char* file : {"test.bin", "train.txt", "tokenizer.json"}) folder.write(file, "");
  EXPECT_EQ(data_folder(config), below_data_dir);
}

TEST(TrainConfig, DefaultRunNameTellsTheRunsApart) {
  TrainConfig config;
  EXPECT_EQ(default_run_name(config, 1767225599), "gnn-g2-e4-d256-l4-s42-20251231T235959Z");
  config.coupler_type = CouplerType::hgnn;
  EXPECT_EQ(default_run_name(config, 0), "hgnn-all_pairs-g2-e4-d256-l4-s42-19700101T000000Z");
  config.hyperedges_file = "some/edges.json";
  EXPECT_EQ(default_run_name(config, 0), "hgnn-file-g2-e4-d256-l4-s42-19700101T000000Z");
  config.coupler_type = CouplerType::none;
  EXPECT_EQ(default_run_name(config, 0), "none-e4-d256-l4-s42-19700101T000000Z");
}

TEST(TrainConfig, SampleIds) {
  TrainConfig config;
  EXPECT_TRUE(sample_id_list(config).empty());
  config.sample_ids = "7";
  EXPECT_EQ(sample_id_list(config), (std::vector<std::int64_t>{7}));
  config.sample_ids = "0,50256,1";
  EXPECT_EQ(sample_id_list(config), (std::vector<std::int64_t>{0, 50256, 1}));
}

TEST(TrainConfig, EnumValuesHaveTheirNames) {
  EXPECT_EQ(to_string(CouplerType::gnn), "GNN");
  EXPECT_EQ(to_string(CouplerType::hgnn), "HGNN");
  EXPECT_EQ(to_string(CouplerType::mean), "MEAN");
  EXPECT_EQ(to_string(CouplerType::none), "NONE");
  EXPECT_EQ(to_string(HyperedgeStrategy::all_pairs), "all_pairs");
  EXPECT_EQ(to_string(HyperedgeStrategy::all_triplets), "all_triplets");
  EXPECT_EQ(to_string(HyperedgeStrategy::all), "all");
  EXPECT_EQ(to_string(HyperedgeWeighting::pyg), "pyg");
  EXPECT_EQ(to_string(HyperedgeWeighting::paper), "paper");
  EXPECT_EQ(to_string(HyperedgeWeightParam::positive), "positive");
  EXPECT_EQ(to_string(HyperedgeWeightParam::raw), "raw");
  EXPECT_EQ(to_string(SampleMode::lines), "lines");
  EXPECT_EQ(to_string(SampleMode::packed), "packed");
  EXPECT_EQ(to_string(Precision::fp32), "fp32");
  EXPECT_EQ(to_string(Precision::bf16), "bf16");
  EXPECT_EQ(to_string(LrSchedule::cosine), "cosine");
  EXPECT_EQ(to_string(LrSchedule::linear), "linear");
  EXPECT_EQ(to_string(LrSchedule::constant), "constant");
  EXPECT_EQ(to_string(LrSchedule::wsd), "wsd");
  EXPECT_EQ(to_string(Compat::none), "none");
  EXPECT_EQ(to_string(Compat::original), "original");
}

}  // namespace
}  // namespace hgnn_moe

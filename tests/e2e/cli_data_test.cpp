// Data that are missing, damaged or do not fit: exit code 3, a sentence, and no trace of a run.
#include "tests/e2e/program_fixture.h"

namespace hgnn_moe::e2e {
namespace {

using data::testing::append;
using data::testing::bytes_of;
using data::testing::counting;
using data::testing::Document;
using data::testing::Index;
using data::testing::index_of;
using data::testing::llmc_bytes;
using data::testing::npy_bytes;
using data::testing::read_bytes;
using data::testing::write_bytes;

class CliDataTest : public ProgramTest {
 protected:
  CliDataTest() { write_dataset(text_, documents_, make_documents(4, 2)); }

  Flags flags() const { return tiny().with({{"dataset_name", "text"}, {"max_steps", "2"}}); }
  Flags packed_flags() const { return flags().with({{"sample_mode", "packed"}}); }

  void expect_data_error(const Flags& flags, const std::vector<std::string>& fragments) const {
    expect_failure(run(flags), ExitCode::data, fragments);
    EXPECT_FALSE(fs::exists(path("runs")));
  }

  void write_train_index(const Index& index) const {
    write_bytes(text_ / "train.idx", index.bytes());
  }

  const std::vector<Document> documents_ = make_documents(12, 1);
  const fs::path text_ = path("text");
};

TEST_F(CliDataTest, TheUntouchedDataTrain) { expect_success(run(flags())); }

TEST_F(CliDataTest, AMissingFolderIsAnsweredWithHowToPrepareIt) {
  fs::remove_all(text_);
  expect_data_error(tiny(), {"no training data in", "data/wikitext/wikitext-2-v1",
                             "scripts/prepare_data.py", "--synthetic_data"});
}

TEST_F(CliDataTest, TheFolderOfAllDataMayComeFromTheEnvironment) {
  write_dataset(path("all/news/short"), documents_, make_documents(4, 2));
  ProcessOptions options;
  options.environment["HGNN_MOE_DATA"] = "all";
  const Flags named =
      tiny().with({{"dataset_name", "news"}, {"dataset_config_name", "short"}, {"max_steps", "1"}});
  expect_success(run(named, options));
  const Json config = read_json(path("runs/run/config.json"));
  EXPECT_EQ(config.at("provenance").at("data_dir"), "environment HGNN_MOE_DATA");
  EXPECT_EQ(config.at("data_folder"), fs::canonical(path("all/news/short")).string());
}

TEST_F(CliDataTest, TokenLossesDoNotReplaceTheEvaluationSet) {
  const fs::path data = path("npy");
  fs::create_directories(data);
  for (const char* name : {"train.npy", "eval.npy"}) {
    write_bytes(data / name, npy_bytes("<u2", "(60,)", bytes_of<std::uint16_t>(counting(0, 60))));
  }
  fs::copy_file(text_ / "dataset.json", data / "dataset.json");
  fs::create_symlink("../elsewhere.npy", data / "link.npy");
  const auto before = snapshot(data);
  const Flags into_data = packed_flags().with({{"dataset_name", "npy"}});
  for (const char* losses : {"npy/eval.npy", "text/../npy/new.npy", "npy/link.npy"}) {
    expect_failure(run(into_data.with({{"dump_token_losses", losses}})), ExitCode::usage,
                   {losses, "lies in the data folder"});
  }
  // Named from the data folder itself.
  ProcessOptions inside;
  inside.folder = data;
  expect_failure(
      run(into_data.with({{"dataset_name", "."}, {"dump_token_losses", "new.npy"}}), inside),
      ExitCode::usage, {"new.npy", "lies in the data folder"});
  // Data may be links into a store.
  fs::create_directories(path("store"));
  fs::rename(data / "eval.npy", path("store/eval.npy"));
  fs::create_symlink("../store/eval.npy", data / "eval.npy");
  const std::string stored = read_bytes(path("store/eval.npy"));
  expect_failure(run(into_data.with({{"dump_token_losses", "store/eval.npy"}})), ExitCode::usage,
                 {"store/eval.npy is what eval.npy of the data folder"});
  EXPECT_EQ(read_bytes(path("store/eval.npy")), stored);
  EXPECT_TRUE(before == snapshot(data));
  EXPECT_FALSE(fs::exists(path("runs")));
  expect_success(run(into_data.with({{"dump_token_losses", "losses.npy"}})));
}

TEST_F(CliDataTest, AMissingEvaluationSetIsNamed) {
  fs::remove(text_ / "eval.bin");
  fs::remove(text_ / "eval.idx");
  expect_data_error(flags(), {"no evaluation data in", "text"});
}

TEST_F(CliDataTest, AnEmptyBinIsRefused) {
  write_bytes(text_ / "train.bin", "");
  expect_data_error(flags(), {"train.idx", "train.bin"});
  fs::remove(text_ / "train.idx");
  expect_data_error(packed_flags(), {"train.bin", "no token"});
}

TEST_F(CliDataTest, ATruncatedBinIsRefused) {
  fs::resize_file(text_ / "train.bin", fs::file_size(text_ / "train.bin") / 4 * 2);
  expect_data_error(flags(), {"train.idx", "sequence", "truncated"});
}

TEST_F(CliDataTest, AnOddSizedBinIsRefused) {
  fs::resize_file(text_ / "train.bin", fs::file_size(text_ / "train.bin") - 1);
  expect_data_error(flags(), {"train.bin", "no multiple of the 2 bytes"});
  fs::remove(text_ / "train.idx");
  expect_data_error(packed_flags(), {"train.bin", "no multiple of the 2 bytes"});
}

TEST_F(CliDataTest, AnIndexThatLiesAboutLengthsIsRefused) {
  Index index = index_of(documents_);
  index.sizes[3] = 1000000;
  write_train_index(index);
  expect_data_error(flags(), {"train.idx", "sequence 3 claims 1000000 tokens"});

  index = index_of(documents_);
  index.sizes[2] = -5;
  write_train_index(index);
  expect_data_error(flags(), {"train.idx", "sequence 2 claims -5 tokens"});

  index = index_of(documents_);
  index.offsets[1] = 1;
  write_train_index(index);
  expect_data_error(flags(), {"train.idx", "sequence 1", "byte offset 1"});

  index = index_of(documents_);
  index.boundaries.back() = 99;
  write_train_index(index);
  expect_data_error(flags(), {"train.idx", "document boundary 12 is 99"});
}

TEST_F(CliDataTest, AnIndexCutShortOrOfAnotherKindIsRefused) {
  const std::string whole = index_of(documents_).bytes();
  for (const std::size_t size : {std::size_t{0}, std::size_t{20}, whole.size() - 3}) {
    write_bytes(text_ / "train.idx", whole.substr(0, size));
    expect_data_error(flags(), {"train.idx"});
  }
  write_bytes(text_ / "train.idx", std::string(100, 'x'));
  expect_data_error(flags(), {"train.idx", "MMIDIDX"});
}

TEST_F(CliDataTest, IdsBeyondTheVocabularyAreLocated) {
  std::vector<Document> documents = documents_;
  documents[0][1] = 64;
  write_dataset(text_, documents, make_documents(4, 2));
  expect_data_error(flags(), {"train.bin", "token id 64 at byte offset 2", "vocab_size 64"});
  write_dataset(text_, documents_, {{1, 2}, {3, 65535}});
  expect_data_error(flags(), {"eval.bin", "token id 65535 at byte offset 6"});
}

TEST_F(CliDataTest, AWrongVocabularySizeOnTheCommandLineIsFound) {
  expect_data_error(flags().with({{"vocab_size", "5"}, {"end_of_text_id", "4"}}),
                    {"train.bin", "token id", "vocab_size 5"});
}

TEST_F(CliDataTest, ABrokenDatasetJsonIsLocated) {
  write_bytes(text_ / "dataset.json", "{\n  \"vocab_size\": ,\n}");
  expect_data_error(flags(), {"dataset.json, line 2, column 17"});
  write_bytes(text_ / "dataset.json", R"({"vocab_size": "64"})");
  expect_data_error(flags(), {"dataset.json", "vocab_size is \"64\""});
}

TEST_F(CliDataTest, ADataSetWithoutItsVocabularySizeIsRefused) {
  fs::remove(text_ / "dataset.json");
  expect_data_error(flags(), {"vocab_size", "dataset.json"});
}

TEST_F(CliDataTest, FlatFilesAreCheckedAgainstTheirHeaders) {
  fs::remove(text_ / "train.idx");
  const std::string llmc = llmc_bytes(counting(0, 60));
  write_bytes(text_ / "train.bin", llmc.substr(0, llmc.size() - 2));
  expect_data_error(packed_flags(), {"train.bin", "announces 60 tokens"});
  write_bytes(text_ / "train.bin", llmc.substr(0, 600));
  expect_data_error(packed_flags(), {"train.bin", "1024"});

  fs::remove(text_ / "train.bin");
  write_bytes(text_ / "train.npy",
              npy_bytes("<u2", "(60,)", bytes_of<std::uint16_t>(counting(0, 30))));
  expect_data_error(packed_flags(), {"train.npy"});
  write_bytes(text_ / "train.npy", npy_bytes("<f4", "(2,)", bytes_of<float>(counting(0, 2))));
  expect_data_error(packed_flags(), {"train.npy", "real numbers"});
}

TEST_F(CliDataTest, LinesNeedAnIndexAndPackedModeNeedsEnoughText) {
  fs::remove(text_ / "train.idx");
  expect_data_error(flags(), {"train.bin", "sample_mode lines", "--sample_mode packed"});
  write_dataset(text_, {{1, 2, 3}}, make_documents(4, 2));
  expect_data_error(packed_flags(), {"train.bin", "4 tokens", "17 of one window"});
}

TEST_F(CliDataTest, TextWithNothingToPredictIsRefused) {
  write_dataset(text_, {{1}, {2}}, make_documents(4, 2));
  expect_data_error(flags(), {"train.bin", "second token"});
}

// The set holds targets, the samples chosen from it do not.
TEST_F(CliDataTest, EvaluationSamplesWithoutATargetAreRefused) {
  write_dataset(text_, documents_, {{1}, {2, 3}});
  expect_data_error(flags().with({{"num_eval_samples", "1"}, {"no_shuffle", ""}}),
                    {"num_eval_samples"});
}

TEST_F(CliDataTest, MoreSamplesThanThereAreIsSaidAndAllAreUsed) {
  const ProcessResult result =
      run(flags()
              .without("max_steps")
              .with({{"num_train_samples", "500"}, {"num_eval_samples", "600"}, {"epochs", "1"}}));
  expect_success(result);
  EXPECT_TRUE(contains(result.err, "num_train_samples 500 is above the 12 samples")) << result.err;
  EXPECT_TRUE(contains(result.err, "num_eval_samples 600 is above the 4 samples")) << result.err;
  double tokens = 0;
  for (const Document& document : documents_) {
    tokens += static_cast<double>(std::min<std::size_t>(document.size(), 16));
  }
  double trained = 0;
  for (const double step : read_series(path("runs/run"), "step", "tokens")) trained += step;
  EXPECT_EQ(trained, tokens);
}

}  // namespace
}  // namespace hgnn_moe::e2e

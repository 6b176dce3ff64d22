#include "hgnn_moe/data/dataset.h"

#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include "tests/data/data_files.h"

#include "hgnn_moe/base/prefetcher.h"

namespace hgnn_moe::data {
namespace {

namespace fs = std::filesystem;
using testing::bytes_of;
using testing::counting;
using testing::Document;
using testing::expect_error;
using testing::llmc_bytes;
using testing::npy_bytes;
using testing::read_bytes;
using testing::TemporaryFolder;
using testing::write_bytes;
using testing::write_indexed;

class DatasetTest : public ::testing::Test {
 protected:
  DatasetTest() {
    fs::create_directories(folder());
    config_.data_dir = root_.path().string();
    config_.dataset_name = "books";
    config_.dataset_config_name = "small";
    config_.max_seq_length = 8;
  }

  fs::path folder() const { return root_ / "books/small"; }

  void write_info(const std::string& json) { write_bytes(folder() / "dataset.json", json); }

  void write_documents() {
    write_indexed(folder(), "train", {counting(0, 12), counting(20, 3), counting(30, 10)});
    write_indexed(folder(), "eval", {counting(40, 9), counting(50, 2)});
    write_info(R"({"name": "small books", "vocab_size": 100, "end_of_text_id": 99})");
  }

  Dataset open() const { return open_dataset(config_); }

  void expect_refused(ExitCode code, const std::vector<std::string>& fragments) const {
    expect_error(code, fragments, [&] { open(); });
  }

  static Document inputs(const SampleSet& set, std::int64_t index) {
    Document ids(set.length(index));
    Document targets(set.length(index));
    set.read(index, ids.data(), targets.data());
    return ids;
  }

  bool has_note(const Dataset& dataset, const std::string& fragment) const {
    return std::any_of(dataset.notes.begin(), dataset.notes.end(), [&](const std::string& note) {
      return note.find(fragment) != std::string::npos;
    });
  }

  TemporaryFolder root_;
  TrainConfig config_;
};

TEST_F(DatasetTest, OpensLines) {
  write_documents();
  const Dataset dataset = open();
  EXPECT_EQ(dataset.folder, folder().string());
  EXPECT_EQ(dataset.name, "small books");
  EXPECT_FALSE(dataset.synthetic);
  EXPECT_EQ(dataset.vocab_size, 100);
  EXPECT_EQ(dataset.end_of_text_id, 99);
  EXPECT_TRUE(dataset.notes.empty());
  ASSERT_EQ(dataset.train->size(), 3);
  EXPECT_EQ(inputs(*dataset.train, 0), counting(0, 8));
  EXPECT_EQ(inputs(*dataset.train, 1), counting(20, 3));
  ASSERT_EQ(dataset.eval->size(), 2);
  EXPECT_EQ(inputs(*dataset.eval, 1), counting(50, 2));
}

TEST_F(DatasetTest, OpensPackedDocuments) {
  write_documents();
  config_.sample_mode = SampleMode::packed;
  const Dataset dataset = open();
  ASSERT_EQ(dataset.train->size(), 3);  // 25 tokens and 3 ends: windows of 9 at 0, 8, 16
  EXPECT_EQ(inputs(*dataset.train, 1), (Document{8, 9, 10, 11, 99, 20, 21, 22}));
  EXPECT_EQ(dataset.eval->size(), 1);
}

TEST_F(DatasetTest, ADatasetNameMayBeTheFolderItself) {
  write_documents();
  config_.dataset_name = folder().string() + "/";
  EXPECT_EQ(open().folder, folder().string());
  write_info(R"({"vocab_size": 100})");
  EXPECT_EQ(open().name, "small");
}

TEST_F(DatasetTest, OpensTheFlatFormatsInPackedMode) {
  config_.sample_mode = SampleMode::packed;
  config_.vocab_size = 50;
  const auto check = [&](const std::string& format) {
    const Dataset dataset = open();
    EXPECT_TRUE(has_note(dataset, format)) << format;
    ASSERT_EQ(dataset.train->size(), 2) << format;
    EXPECT_EQ(inputs(*dataset.train, 1), counting(8, 8)) << format;
    EXPECT_EQ(dataset.eval->size(), 1) << format;
  };
  const Document train = counting(0, 20);
  const Document eval = counting(20, 9);
  write_bytes(folder() / "train.npy", npy_bytes("<i4", "(20,)", bytes_of<std::int32_t>(train)));
  write_bytes(folder() / "val.npy", npy_bytes("<i8", "(9,)", bytes_of<std::int64_t>(eval)));
  check("npy");
  write_bytes(folder() / "train.bin", llmc_bytes(train));
  write_bytes(folder() / "val.bin", llmc_bytes(eval));
  check("llm.c");
  write_bytes(folder() / "train.bin", bytes_of<std::uint16_t>(train));
  write_bytes(folder() / "val.bin", bytes_of<std::uint16_t>(eval));
  check("nanoGPT");
}

TEST_F(DatasetTest, EvalComesBeforeVal) {
  write_documents();
  write_indexed(folder(), "val", {{1, 2}, {3, 4}, {5, 6}});
  EXPECT_EQ(open().eval->size(), 2);
  fs::remove(folder() / "eval.bin");
  fs::remove(folder() / "eval.idx");
  EXPECT_EQ(open().eval->size(), 3);
}

TEST_F(DatasetTest, FlatFormatsNeedPackedMode) {
  write_documents();
  fs::remove(folder() / "train.idx");
  expect_refused(ExitCode::data, {"train.bin", "lines", "--sample_mode packed"});
}

TEST_F(DatasetTest, EvalOnlyNeedsNoTrainingFile) {
  write_documents();
  fs::remove(folder() / "train.bin");
  fs::remove(folder() / "train.idx");
  config_.eval_only = true;
  const Dataset dataset = open();
  EXPECT_EQ(dataset.train, nullptr);
  EXPECT_EQ(dataset.eval->size(), 2);
}

TEST_F(DatasetTest, MissingDataSayHowToPrepareThem) {
  EXPECT_FALSE(dataset_exists(config_));
  const std::vector<std::string> advice = {folder().string(), "scripts/prepare_data.py --train",
                                           "--synthetic_data"};
  expect_refused(ExitCode::data, advice);
  fs::remove_all(root_ / "books");
  EXPECT_FALSE(dataset_exists(config_));
  expect_refused(ExitCode::data, advice);
}

TEST_F(DatasetTest, MissingDataNameBothPlacesOfADatasetName) {
  const fs::path itself = fs::absolute("books");
  expect_refused(ExitCode::data, {"no training data", folder().string() + " nor in",
                                  itself.string() + ",", "dataset_name books"});
  // A name that is itself a folder of data leaves no second choice, even where that has it all.
  write_documents();
  const fs::path half = root_ / "half";
  fs::create_directories(half / "small");
  write_indexed(half, "train", {{1, 2}});
  write_indexed(half / "small", "train", {{1, 2}});
  write_indexed(half / "small", "eval", {{1, 2}});
  config_.dataset_name = half.string();
  expect_refused(ExitCode::data, {"no evaluation data in " + half.string() + ",",
                                  "dataset_name " + half.string(), (half / "small").string()});
}

TEST_F(DatasetTest, AHalfOfTheDataIsNamed) {
  write_documents();
  EXPECT_TRUE(dataset_exists(config_));
  fs::remove(folder() / "train.bin");
  EXPECT_TRUE(dataset_exists(config_));
  expect_refused(ExitCode::data, {"train.bin"});
  fs::remove(folder() / "train.idx");
  expect_refused(ExitCode::data, {"no training data", folder().string()});
  write_documents();
  fs::remove(folder() / "eval.bin");
  fs::remove(folder() / "eval.idx");
  expect_refused(ExitCode::data, {"no evaluation data", "eval.bin", "val.bin"});
}

TEST_F(DatasetTest, TheVocabularyComesFromTheFlagBeforeDatasetJson) {
  write_documents();
  config_.vocab_size = 128;
  const Dataset larger = open();
  EXPECT_EQ(larger.vocab_size, 128);
  EXPECT_TRUE(has_note(larger, "vocab_size 128 is used in place of the 100"));
  write_info(R"({"vocab_size": 100})");
  config_.vocab_size = 60;  // below dataset.json's, above every id
  EXPECT_EQ(open().vocab_size, 60);
  config_.vocab_size = 51;
  expect_refused(ExitCode::data, {"eval.bin", "token id 51 ", "offset 20", "vocab_size 51"});
  config_.vocab_size = 39;
  expect_refused(ExitCode::data, {"train.bin", "token id 39 ", "offset 48", "vocab_size 39"});
}

TEST_F(DatasetTest, AVocabularyMustBeKnown) {
  write_documents();
  fs::remove(folder() / "dataset.json");
  expect_refused(ExitCode::data, {"--vocab_size", folder().string()});
  config_.vocab_size = 100;
  const Dataset dataset = open();
  EXPECT_EQ(dataset.end_of_text_id, -1);
  EXPECT_EQ(dataset.name, "small");
}

TEST_F(DatasetTest, PackedDocumentsNeedAnEndOfText) {
  write_documents();
  config_.sample_mode = SampleMode::packed;
  write_info(R"({"vocab_size": 100})");
  expect_refused(ExitCode::data, {"train.bin", "--end_of_text_id"});
  config_.end_of_text_id = 7;
  const Dataset dataset = open();
  EXPECT_EQ(inputs(*dataset.train, 1)[4], 7);
  config_.end_of_text_id = 100;
  expect_refused(ExitCode::data, {"end_of_text_id 100", "vocab_size 100"});
}

TEST_F(DatasetTest, RefusesAnIndexOfAnotherTypeThanDatasetJsonGives) {
  write_documents();
  write_info(R"({"vocab_size": 100, "dtype": "uint16"})");
  EXPECT_EQ(open().train->size(), 3);
  write_info(R"({"vocab_size": 100, "dtype": "int32"})");
  expect_refused(ExitCode::data, {"train.bin", "uint16", "Megatron", "dtype int32"});
  config_.eval_only = true;
  expect_refused(ExitCode::data, {"eval.bin", "uint16", "dtype int32"});
}

TEST_F(DatasetTest, RefusesAFlatFileOfAnotherTypeThanDatasetJsonGives) {
  config_.sample_mode = SampleMode::packed;
  const Document ids = counting(0, 20);
  const auto check = [&](const std::string& format, const std::string& dtype) {
    write_info(R"({"vocab_size": 100, "dtype": ")" + dtype + "\"}");
    EXPECT_TRUE(has_note(open(), format));
    write_info(R"({"vocab_size": 100, "dtype": "uint32"})");
    expect_refused(ExitCode::data, {"train", dtype, format + " format", "dtype uint32"});
  };
  for (const std::string name : {"train.npy", "val.npy"}) {
    write_bytes(folder() / name, npy_bytes("<i8", "(20,)", bytes_of<std::int64_t>(ids)));
  }
  check("npy", "int64");
  for (const std::string name : {"train.bin", "val.bin"}) {
    write_bytes(folder() / name, llmc_bytes(ids));
  }
  check("llm.c", "uint16");
  for (const std::string name : {"train.bin", "val.bin"}) {
    write_bytes(folder() / name, bytes_of<std::uint16_t>(ids));
  }
  check("nanoGPT", "uint16");
}

TEST_F(DatasetTest, APreparedBinWithoutItsIndexIsNotReadAsNanoGpt) {
  write_documents();
  fs::remove(folder() / "eval.idx");
  for (const SampleMode mode : {SampleMode::packed, SampleMode::lines}) {
    config_.sample_mode = mode;
    write_info(R"({"vocab_size": 100, "end_of_text_id": 99, "mode": "lines", "dtype": "uint16"})");
    expect_refused(ExitCode::data, {"eval.idx", "missing beside eval.bin", "prepare"});
  }
  config_.sample_mode = SampleMode::packed;
  write_info(R"({"vocab_size": 100, "end_of_text_id": 99, "dtype": "uint16"})");
  EXPECT_TRUE(has_note(open(), "nanoGPT"));  // another program's description
}

TEST_F(DatasetTest, RefusesTextTooShortForItsMode) {
  write_documents();
  config_.sample_mode = SampleMode::packed;
  config_.max_seq_length = 13;  // eval joins to 13 tokens, one fewer than a window needs
  expect_refused(ExitCode::data, {"eval.bin", "13 tokens", "14", "--max_seq_length"});
  config_.max_seq_length = 12;
  EXPECT_EQ(open().eval->size(), 1);
  config_.sample_mode = SampleMode::lines;
  config_.max_seq_length = 1;
  expect_refused(ExitCode::usage, {"max_seq_length 1", "lines"});
  config_.max_seq_length = 2;
  write_indexed(folder(), "eval", {{1}, {2}});
  expect_refused(ExitCode::data, {"eval.bin", "2 documents"});
}

TEST_F(DatasetTest, CountsAboveWhatExistsAreNoted) {
  write_documents();
  config_.num_train_samples = 5000;
  config_.num_eval_samples = 2;
  const Dataset dataset = open();
  ASSERT_EQ(dataset.notes.size(), 1u);
  EXPECT_EQ(dataset.notes[0],
            "num_train_samples 5000 is above the 3 samples of small books; all 3 are used");
  EXPECT_EQ(choose_samples(3, 5000, true, 1, Split::train), (Document{0, 1, 2}));
}

TEST_F(DatasetTest, EmptyDocumentsAreNoted) {
  write_documents();
  write_indexed(folder(), "train", {{}, {1, 2}, {}});
  const Dataset dataset = open();
  EXPECT_EQ(dataset.train->size(), 1);
  EXPECT_TRUE(has_note(dataset, "2 documents without a token"));
}

TEST_F(DatasetTest, TheContentHashFollowsEveryByteInUse) {
  write_documents();
  const std::string hash = open().content_hash;
  EXPECT_EQ(hash.size(), 32u);
  EXPECT_EQ(open().content_hash, hash);
  for (const std::string name : {"train.bin", "eval.bin"}) {
    const std::string bytes = read_bytes(folder() / name);
    std::string changed = bytes;
    changed[0] = static_cast<char>(changed[0] ^ 1);
    write_bytes(folder() / name, changed);
    EXPECT_NE(open().content_hash, hash) << name;
    write_bytes(folder() / name, bytes);
  }
  write_bytes(folder() / "train.idx",
              testing::index_of({counting(0, 11), counting(20, 4), counting(30, 10)}).bytes());
  EXPECT_NE(open().content_hash, hash);
  write_documents();
  EXPECT_EQ(open().content_hash, hash);
}

TEST_F(DatasetTest, TheContentHashKnowsWhereAFileEnds) {
  config_.sample_mode = SampleMode::packed;
  config_.vocab_size = 100;
  const auto hash_of = [&](std::int64_t train_tokens) {
    write_bytes(folder() / "train.bin", bytes_of<std::uint16_t>(counting(0, train_tokens)));
    write_bytes(folder() / "val.bin",
                bytes_of<std::uint16_t>(counting(train_tokens, 40 - train_tokens)));
    return open().content_hash;
  };
  EXPECT_NE(hash_of(20), hash_of(21));
}

TEST_F(DatasetTest, SyntheticDataAreSyntheticEvenBesideRealOnes) {
  write_documents();
  config_.synthetic_data = true;
  config_.max_seq_length = 32;
  EXPECT_TRUE(dataset_exists(config_));
  const Dataset dataset = open();
  EXPECT_TRUE(dataset.synthetic);
  EXPECT_EQ(dataset.name, "synthetic");
  EXPECT_EQ(dataset.vocab_size, 256);
  EXPECT_EQ(dataset.end_of_text_id, 255);
  EXPECT_EQ(dataset.train->size(), 2000);
  EXPECT_EQ(dataset.eval->size(), 200);
  config_.seed = 7;
  EXPECT_EQ(open().content_hash, dataset.content_hash);
  config_.vocab_size = 300;
  EXPECT_NE(open().content_hash, dataset.content_hash);
  config_.sample_mode = SampleMode::packed;
  EXPECT_GT(open().train->size(), 1000);
  config_.vocab_size = 1;
  expect_refused(ExitCode::usage, {"vocab_size 1", "synthetic_data"});
}

// The batches of an epoch are the same however many workers assemble them.
TEST_F(DatasetTest, BatchesDoNotDependOnTheNumberOfWorkers) {
  config_.synthetic_data = true;
  const Dataset dataset = open();
  const Document samples =
      choose_samples(dataset.train->size(), 205, true, config_.seed, Split::train);
  const Document order = epoch_order(samples, true, config_.seed, 3);
  const auto epoch = [&](std::int64_t workers) {
    Prefetcher<Batch> prefetcher(21, workers, [&](std::int64_t index) {
      const std::int64_t left = static_cast<std::int64_t>(order.size()) - index * 10;
      return make_batch(*dataset.train, order, index * 10, std::min<std::int64_t>(10, left));
    });
    std::vector<Batch> batches;
    while (auto batch = prefetcher.next()) batches.push_back(std::move(*batch));
    return batches;
  };
  const std::vector<Batch> expected = epoch(0);
  ASSERT_EQ(expected.size(), 21u);
  EXPECT_EQ(expected.back().size, 5);
  for (const std::int64_t workers : {1, 2, 7}) {
    const std::vector<Batch> batches = epoch(workers);
    ASSERT_EQ(batches.size(), expected.size());
    for (std::size_t i = 0; i < batches.size(); ++i) {
      EXPECT_EQ(batches[i].sample_indices, expected[i].sample_indices);
      EXPECT_EQ(batches[i].tokens, expected[i].tokens);
      EXPECT_EQ(batches[i].targets, expected[i].targets);
      EXPECT_EQ(batches[i].lengths, expected[i].lengths);
      EXPECT_EQ(batches[i].first_position, static_cast<std::int64_t>(i) * 10);
    }
  }
}

}  // namespace
}  // namespace hgnn_moe::data

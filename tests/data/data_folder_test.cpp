#include "hgnn_moe/data/data_folder.h"

#include <gtest/gtest.h>

#include "tests/data/data_files.h"

namespace hgnn_moe::data {
namespace {

using testing::expect_error;
using testing::TemporaryFolder;
using testing::write_bytes;

class DatasetInfoTest : public ::testing::Test {
 protected:
  DatasetInfo read(const std::string& json) const {
    write_bytes(folder_ / "dataset.json", json);
    return read_dataset_info(folder_.path());
  }

  void expect_refused(const std::string& json, const std::vector<std::string>& fragments) const {
    expect_error(ExitCode::data, fragments, [&] { read(json); });
  }

  TemporaryFolder folder_;
};

TEST_F(DatasetInfoTest, ReadsWhatIsThere) {
  const DatasetInfo info = read(
      R"({"name": "books", "vocab_size": 100, "end_of_text_id": 99, "dtype": "int32", "more": 1})");
  EXPECT_EQ(info.name, "books");
  EXPECT_EQ(info.vocab_size, 100);
  EXPECT_EQ(info.end_of_text_id, 99);
  EXPECT_EQ(info.dtype, TokenType::i32);
  EXPECT_FALSE(info.is_prepared);
  EXPECT_TRUE(read(R"({"mode": "lines", "dtype": "uint16"})").is_prepared);
  EXPECT_FALSE(read(R"({"mode": "lines"})").is_prepared);
}

TEST_F(DatasetInfoTest, NothingIsGivenByNullOrWithoutAFile) {
  const auto expect_nothing = [](const DatasetInfo& info) {
    EXPECT_EQ(info.name, "");
    EXPECT_EQ(info.vocab_size, 0);
    EXPECT_EQ(info.end_of_text_id, -1);
    EXPECT_EQ(info.dtype, std::nullopt);
    EXPECT_FALSE(info.is_prepared);
  };
  expect_nothing(read_dataset_info(folder_.path()));
  expect_nothing(
      read(R"({"name": null, "vocab_size": null, "end_of_text_id": null, "dtype": null})"));
}

TEST_F(DatasetInfoTest, RefusesADamagedFile) {
  expect_refused("{\"vocab_size\": 100,\n \"end_of_text_id\": }", {"dataset.json", "line 2"});
  expect_refused("[1]", {"dataset.json", "array"});
}

TEST_F(DatasetInfoTest, RefusesImpossibleValues) {
  for (const std::string value :
       {"\"100\"", "100.5", "0", "-3", "true", "18446744073709551615", "[]"}) {
    expect_refused("{\"vocab_size\": " + value + "}", {"dataset.json", "vocab_size is " + value});
  }
  expect_refused(R"({"end_of_text_id": -1})", {"end_of_text_id is -1"});
  expect_refused(R"({"name": 5})", {"name is 5"});
  for (const std::string value : {"\"float32\"", "\"<u2\"", "16", "[]"}) {
    expect_refused("{\"dtype\": " + value + "}", {"dataset.json", "dtype is " + value, "uint16"});
  }
}

}  // namespace
}  // namespace hgnn_moe::data

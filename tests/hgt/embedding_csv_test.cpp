// Embeddings in files of text.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/base/test_support.h"
#include "tests/hgt/embedding_cases.h"

#include "hgnn_moe/hgt/embedding_file.h"

namespace hgnn_moe::hgt {
namespace {

using testing::values_of;

Embeddings read_csv(const std::string& text) {
  const TemporaryFolder folder;
  put_file(folder / "e.csv", text);
  return read_embeddings(folder / "e.csv");
}

std::string csv_error(const std::string& text) {
  return message_of_error(ExitCode::data, [&] { read_csv(text); });
}

TEST(EmbeddingCsv, ColumnsMayStandInAnyOrder) {
  const Embeddings found = read_csv(
      "emb_1,node_type,other,emb_0,node_id\r\n"
      "2,gene,x,1,a\r\n\r\n"
      "-4.5e1,\"drug, new\",\"y\",+3,b\r\n");
  EXPECT_EQ(values_of(found), (std::vector<float>{1.0f, 2.0f, 3.0f, -45.0f}));
  EXPECT_EQ(found.type_names, (std::vector<std::string>{"gene", "drug, new"}));
  EXPECT_EQ(found.node_types, (std::vector<std::int32_t>{0, 1}));
  EXPECT_EQ(found.node_ids[1], "b");
  EXPECT_EQ(found.node_names[1], "");
}

TEST(EmbeddingCsv, NumbersThatAreNoneAreRead) {
  const std::vector<float> found = values_of(
      read_csv("node_id,emb_0,emb_1,emb_2,emb_3,emb_4,emb_5\na,,nan,inf,-inf,1e50,1e-60\n"));
  EXPECT_TRUE(std::isnan(found[0]) && std::isnan(found[1]));
  EXPECT_EQ(found[2], std::numeric_limits<float>::infinity());
  EXPECT_EQ(found[3], -std::numeric_limits<float>::infinity());
  EXPECT_EQ(found[4], std::numeric_limits<float>::infinity());
  EXPECT_EQ(found[5], 0.0f);
}

TEST(EmbeddingCsv, ListsInOneColumn) {
  const std::vector<float> expected = {0.5f, -1e-3f, 7.0f, 0.25f, 2.0f, 3.0f};
  for (const std::string rows : {
           "a,\"[0.5, -0.001, 7]\"\nb,\"[0.25, 2.0, 3]\"\n",
           "a,[ 5.e-01 -1.e-03  7.e+00]\nb,[0.25 2.   3.  ]\n",
           "a,\"[0.5\n -0.001\n 7.0]\"\nb,\"[ 0.25,\r\n  2,\r\n 3 ]\"\n",
       }) {
    EXPECT_EQ(values_of(read_csv("node_id,embedding\n" + rows)), expected) << rows;
  }
}

TEST(EmbeddingCsv, HeadersThatCannotBeReadAreNamed) {
  const struct {
    const char* text;
    const char* cause;
  } cases[] = {
      {"", "there is no header"},
      {"node,emb_0\na,1\n", "no column 'node_id'"},
      {"node_id,node_id,emb_0\na,b,1\n", "'node_id' twice"},
      {"node_id,emb_0,emb_0\na,1,2\n", "'emb_0' twice"},
      {"node_id,emb_0,emb_2\na,1,2\n", "emb_2 and no emb_1"},
      {"node_id,emb_1\na,1\n", "emb_1 and no emb_0"},
      {"node_id,emb_99999999999\na,1\n", "emb_99999999999"},
      {"node_id,emb_0,embedding\na,1,[1]\n", "both"},
      {"node_id,node_type\na,x\n", "neither"},
      {"node_id,emb_x\na,1\n", "neither"},
      {"node_id,emb_0\n", "0 nodes"},
  };
  for (const auto& [text, cause] : cases) {
    const std::string message = csv_error(text);
    EXPECT_TRUE(contains(message, cause)) << message;
    EXPECT_TRUE(contains(message, "e.csv")) << message;
  }
}

TEST(EmbeddingCsv, RowsThatCannotBeReadAreNamedTogether) {
  const std::string message = csv_error(
      "node_id,node_type,emb_0,emb_1\n"
      "a,t,1\n"
      "b,t,1,zwei\n"
      ",t,1,2\n"
      "\"c\n\",t,1,0x10\n"
      "d,,1,2\n"
      "e\xFF,t,1,2\n");
  for (const char* part :
       {"line 2: there are 3 fields and the header has 4", "line 3: emb_1 is 'zwei', no number",
        "line 4: node_id is empty", "line 5: emb_1 is '0x10'", "line 7: node_type is empty",
        "line 8: node_id 'e?' is not UTF-8"}) {
    EXPECT_TRUE(contains(message, part)) << part << "\n" << message;
  }
}

TEST(EmbeddingCsv, ListsThatCannotBeReadAreNamed) {
  const std::string message = csv_error(
      "node_id,embedding\n"
      "a,\"[1, 2, 3]\"\n"
      "b,\"[1, 2]\"\n"
      "c,\"[1 2 ... 3]\"\n"
      "d,1 2 3\n"
      "e,[]\n"
      "f,\"[1, two, 3]\"\n"
      "g,\n");
  for (const char* part : {"line 3: embedding has 2 numbers and that of the first node 3",
                           "line 4: embedding is abbreviated by '...'",
                           "line 5: embedding is '1 2 3'", "line 6: embedding holds no number",
                           "line 7: embedding is 'two'", "line 8: embedding is ''"}) {
    EXPECT_TRUE(contains(message, part)) << part << "\n" << message;
  }
}

TEST(EmbeddingCsv, TenErrorsAreEnough) {
  std::string text = "node_id,emb_0\n";
  for (int row = 0; row < 50; ++row) text += "a,x\n";
  const std::string message = csv_error(text);
  EXPECT_TRUE(contains(message, "line 11")) << message;
  EXPECT_FALSE(contains(message, "line 12")) << message;
}

}  // namespace
}  // namespace hgnn_moe::hgt

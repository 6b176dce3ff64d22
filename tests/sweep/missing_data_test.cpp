#include "src/sweep/missing_data.h"

#include "tests/sweep/sweep_support.h"

namespace hgnn_moe {
namespace {

class MissingDataTest : public SweepFileTest {
 protected:
  MissingData missing(const std::string& parts, std::vector<std::string> flags = {}) {
    return missing_data(plan(parts, std::move(flags)), "FILE");
  }
};

constexpr const char* kNowhere = R"({"synthetic_data": false, "data_dir": "nowhere"})";

TEST_F(MissingDataTest, NothingIsSaidWhereDataAreThere) {
  const MissingData found = missing(R"("grid": {"num_experts": [2, 3]})");
  EXPECT_TRUE(found.sentences.empty());
  EXPECT_FALSE(found.of_all || found.hides_sizes);
}

TEST_F(MissingDataTest, EachReasonIsOneSentenceForAllItsRows) {
  const MissingData found = missing(R"("groups": [{"name": "here"},
      {"name": "gone", "base": )" + std::string(kNowhere) +
                                    R"(, "grid": {"num_experts": [2, 3]}},
      {"name": "elsewhere", "base": {"synthetic_data": false, "data_dir": "void"}}])");
  ASSERT_EQ(found.sentences.size(), 2u);
  EXPECT_EQ(found.sentences[0].rfind("FILE: 2 of 4 rows cannot train: no training data in /", 0),
            0u)
      << found.sentences[0];
  EXPECT_TRUE(contains(found.sentences[0], "/nowhere/wikitext/")) << found.sentences[0];
  EXPECT_TRUE(contains(found.sentences[1], "1 of 4 rows")) << found.sentences[1];
  EXPECT_FALSE(found.of_all);
  EXPECT_FALSE(found.hides_sizes) << "vocab_size is given";
}

TEST_F(MissingDataTest, RowsWhoseOptionsDoNotFitTogetherDoNotCount) {
  const MissingData found =
      missing(R"("grid": {"num_heads": [2, 3]})", {"--no_synthetic_data", "--data_dir", "nowhere"});
  ASSERT_EQ(found.sentences.size(), 1u);
  EXPECT_TRUE(contains(found.sentences[0], "1 of 2 rows"));
  EXPECT_TRUE(found.of_all);
}

}  // namespace
}  // namespace hgnn_moe

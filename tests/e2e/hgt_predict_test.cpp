// hgt_embed predict: ranks, percentiles and what is said of each triple.
#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/e2e/hgt_train_fixture.h"
#include "tests/e2e/hgt_typed_graph.h"

namespace hgnn_moe::e2e {
namespace {

class HgtPredictTest : public HgtRunTest {
 protected:
  // The answers of run "runs/run", in their order.
  Json answers(const Flags& question) const {
    const ProcessResult result =
        hgt("predict", "runs/run",
            question.with({{"threads", "1"}, {"device", "cpu"}, {"json", "answers.json"}}));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    const Json record = read_json(path("answers.json"));
    expect_table_of(result.out, record.at("nodes"));
    return record;
  }

  // Standard output has a line for each, in the same order.
  static void expect_table_of(const std::string& table, const Json& nodes) {
    std::istringstream lines(table);
    std::string line;
    std::getline(lines, line);
    for (const Json& node : nodes) {
      ASSERT_TRUE(std::getline(lines, line));
      std::istringstream words(line);
      std::string rank, id;
      words >> rank >> id;
      EXPECT_EQ(rank, std::to_string(node.at("rank").get<int>())) << line;
      EXPECT_EQ(id, node.at("id")) << line;
    }
    EXPECT_FALSE(std::getline(lines, line)) << line;
  }

  // Of all candidates: ranks from 1, scores fall, and a percentile is the share of candidates with
  // lower scores. `order` has their ids as nodes are numbered.
  static void expect_ranks(const Json& nodes, const std::vector<std::string>& order) {
    ASSERT_EQ(nodes.size(), order.size());
    std::vector<double> scores;
    for (const Json& node : nodes) scores.push_back(node.at("score").get<double>());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      EXPECT_EQ(nodes[i].at("rank"), i + 1);
      const auto lower = std::count_if(scores.begin(), scores.end(),
                                       [&](double score) { return score < scores[i]; });
      EXPECT_DOUBLE_EQ(nodes[i].at("percentile").get<double>(),
                       100.0 * static_cast<double>(lower) / static_cast<double>(scores.size()));
      if (i == 0) continue;
      EXPECT_GE(scores[i - 1], scores[i]);
      if (scores[i - 1] > scores[i]) continue;
      const auto number = [&](std::size_t at) {
        return std::find(order.begin(), order.end(), nodes[at].at("id")) - order.begin();
      };
      EXPECT_LT(number(i - 1), number(i)) << "equal scores, in the order of nodes";
    }
  }

  static std::map<std::string, std::string> marks(const Json& nodes) {
    std::map<std::string, std::string> marks;
    for (const Json& node : nodes) marks[node.at("id")] = node.at("triple");
    return marks;
  }
};

TEST_F(HgtPredictTest, RanksAllCandidatesAndMarksWhereATripleWasFound) {
  std::map<std::string, std::string> files;
  std::map<std::string, std::string> expected;
  for (const std::string part : {"train", "valid", "test"}) {
    files[part] = data::testing::read_bytes(path("circle/" + part + ".txt"));
  }
  // Asked: e3. What e3 likes was trained on, or held out by either file; "by" is no answer.
  for (int i = 0; i < kEntities; ++i) expected["e" + std::to_string(i)] = "new";
  for (const int i : {7, 20, 31, 40}) {
    files["train"] += fmt::format("e3\tlikes\te{0}\ne{0}\tlikes\te5\n", i);
    expected["e" + std::to_string(i)] = "known";
  }
  files["valid"] += "e3\tlikes\te11\n";
  files["test"] += "e3\tlikes\te45\n";
  expected["e11"] = expected["e45"] = "held out";
  for (const auto& [part, text] : files) {
    data::testing::write_bytes(path("circle/" + part + ".txt"), text);
  }
  expect_success(train(tiny()));
  std::vector<std::string> order;
  for (int i = 0; i < kEntities; ++i) order.push_back("e" + std::to_string(i));

  const Flags question = {{"head", "e3"}, {"relation", "likes"}, {"ignore_verdict", ""}};
  const Json record = answers(question.with({{"top", "1000"}}));
  EXPECT_EQ(record.at("candidates"), kEntities);
  EXPECT_EQ(record.at("head"), "e3");
  const Json& nodes = record.at("nodes");
  expect_ranks(nodes, order);
  EXPECT_EQ(marks(nodes), expected);
  EXPECT_GT(nodes[0].at("score").get<double>(), nodes[kEntities - 1].at("score").get<double>());

  // Fewer are the first of these, with the same percentiles.
  const Json few = answers(question.with({{"top", "7"}})).at("nodes");
  ASSERT_EQ(few.size(), 7u);
  for (std::size_t i = 0; i < few.size(); ++i) EXPECT_EQ(few[i], nodes[i]);

  // The other end.
  for (auto& [id, mark] : expected) mark = "new";
  for (const int i : {7, 20, 31, 40}) expected["e" + std::to_string(i)] = "known";
  const Json heads =
      answers({{"tail", "e5"}, {"relation", "likes"}, {"ignore_verdict", ""}, {"top", "1000"}})
          .at("nodes");
  expect_ranks(heads, order);
  EXPECT_EQ(marks(heads), expected);
}

// Without messages and with one feature for all, candidates are the same, up to rounding at most.
TEST_F(HgtPredictTest, EqualScoresStandInTheOrderOfNodes) {
  data::testing::write_bytes(path("kg.csv"), typed_graph());
  expect_success(train(tiny().with({{"node_features", "ones"},
                                    {"messages", "none"},
                                    {"num_epochs", "1"},
                                    {"eval_every", "0"}}),
                       "kg.csv"));
  const Json record = answers(
      {{"tail", "M3"}, {"relation", "indication"}, {"top", "1000"}, {"ignore_verdict", ""}});
  std::vector<std::string> order;
  for (int i = 0; i < kDrugs; ++i) order.push_back("D" + std::to_string(i));
  const Json& nodes = record.at("nodes");
  expect_ranks(nodes, order);
  std::map<double, int> shared;
  for (const Json& node : nodes) ++shared[node.at("score").get<double>()];
  EXPECT_LT(shared.size(), 5u);
  std::map<std::string, int> counts;
  for (const auto& [id, mark] : marks(nodes)) ++counts[mark];
  EXPECT_GT(counts["known"], 0);
  EXPECT_GT(counts["held out"], 0);
  EXPECT_GT(counts["new"], kDrugs / 2);
}

}  // namespace
}  // namespace hgnn_moe::e2e

#include "hgnn_moe/kg/message_graph.h"

#include <gtest/gtest.h>

#include "tests/kg/sampling_support.h"

namespace hgnn_moe::kg {
namespace {

using testing::make_graph;

TEST(MessageGraphTest, TellsWhatASampleLeavesOut) {
  // Node 4 has three heads by r and one by s, node 5 one by r.
  const MessageGraph graph(make_graph(
      {{"a", 4}, {"b", 2}}, {{0, "r", 1, Direction::directed, {{0, 4}, {1, 4}, {2, 4}, {3, 5}}},
                             {0, "s", 1, Direction::directed, {{0, 4}}}}));
  EXPECT_DOUBLE_EQ(graph.share_beyond(1), 2.0 / 5);
  EXPECT_DOUBLE_EQ(graph.share_beyond(2), 1.0 / 5);
  EXPECT_EQ(graph.share_beyond(3), 0.0);
  EXPECT_EQ(MessageGraph(make_graph({{"a", 1}}, {})).share_beyond(1), 0.0);
}

}  // namespace
}  // namespace hgnn_moe::kg

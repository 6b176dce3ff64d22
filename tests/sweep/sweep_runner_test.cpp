#include "hgnn_moe/sweep/sweep_runner.h"

#include <gtest/gtest.h>

namespace hgnn_moe {
namespace {

TEST(MachineShare, CoresAreShared) {
  const auto threads = [](std::int64_t jobs, std::int64_t cores) {
    return MachineShare{jobs, cores, 0}.threads();
  };
  EXPECT_EQ(threads(1, 8), 0) << "all of them";
  EXPECT_EQ(threads(2, 8), 4);
  EXPECT_EQ(threads(3, 8), 2);
  EXPECT_EQ(threads(8, 2), 1) << "never none";
}

TEST(MachineShare, KnowsThisMachine) {
  const MachineShare share = machine_share(3);
  EXPECT_EQ(share.jobs, 3);
  EXPECT_GE(share.cores, 1);
  EXPECT_GE(share.gpus, 0);
}

}  // namespace
}  // namespace hgnn_moe

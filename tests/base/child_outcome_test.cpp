#include "hgnn_moe/base/child_outcome.h"

#include <csignal>

#include <gtest/gtest.h>

namespace hgnn_moe {
namespace {

// tests/sweep/row_outcome_test.cpp has every exit code and signal.
TEST(ChildOutcome, TheProgramsOwnWordsAreTheMessage) {
  const std::string said = "other: one\nprogram: first\nprogram: the last\none\n";
  EXPECT_EQ(outcome_of_child({5}, "program", said).message, "the last\none");
  EXPECT_EQ(outcome_of_child({5}, "other", said).message.rfind("one\n", 0), 0u);
  EXPECT_EQ(outcome_of_child({5}, "program", said).reason, "diverged");
  EXPECT_EQ(outcome_of_child({5}, "third", said).message, "one") << "the last line";
}

TEST(ChildOutcome, DoneStoppedAndFailed) {
  EXPECT_EQ(outcome_of_child({0}, "p", "p: a warning\n").status, ChildStatus::done);
  EXPECT_EQ(outcome_of_child({0}, "p", "p: a warning\n").message, "");
  EXPECT_EQ(outcome_of_child({128 + SIGTERM}, "p", "").status, ChildStatus::stopped);
  EXPECT_EQ(outcome_of_child({0, SIGINT}, "p", "").status, ChildStatus::stopped);
  const ChildOutcome killed = outcome_of_child({0, SIGKILL}, "p", "", /*memory_ran_out=*/true);
  EXPECT_EQ(killed.status, ChildStatus::failed);
  EXPECT_EQ(killed.reason, "out_of_memory");
}

}  // namespace
}  // namespace hgnn_moe

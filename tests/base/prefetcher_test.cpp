#include "hgnn_moe/base/prefetcher.h"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace hgnn_moe {
namespace {

using std::chrono::milliseconds;

struct Numbered {
  std::int64_t index = 0;
};

Numbered numbered(std::int64_t index) { return {index}; }

std::vector<std::int64_t> drain(Prefetcher<Numbered>& prefetcher) {
  std::vector<std::int64_t> positions;
  while (const auto batch = prefetcher.next()) positions.push_back(batch->index);
  return positions;
}

TEST(Prefetcher, KeepsTheOrderForAnyNumberOfWorkers) {
  std::vector<std::int64_t> expected;
  for (std::int64_t i = 0; i < 60; ++i) expected.push_back(i);
  for (const std::int64_t workers : {0, 1, 2, 3, 8, 100}) {
    // Uneven work, so that later batches are often finished first.
    Prefetcher<Numbered> prefetcher(60, workers, [](std::int64_t index) {
      std::this_thread::sleep_for(std::chrono::microseconds(index * 37 % 500));
      return numbered(index);
    });
    EXPECT_EQ(drain(prefetcher), expected) << workers << " workers";
    EXPECT_FALSE(prefetcher.next().has_value());
  }
}

TEST(Prefetcher, NothingToMake) {
  for (const std::int64_t workers : {0, 2}) {
    Prefetcher<Numbered> prefetcher(0, workers, numbered);
    EXPECT_FALSE(prefetcher.next().has_value());
  }
}

TEST(Prefetcher, WithoutWorkersMakesOnTheCallersThread) {
  std::thread::id maker;
  Prefetcher<Numbered> prefetcher(1, 0, [&](std::int64_t index) {
    maker = std::this_thread::get_id();
    return numbered(index);
  });
  EXPECT_EQ(maker, std::thread::id());
  prefetcher.next();
  EXPECT_EQ(maker, std::this_thread::get_id());
}

TEST(Prefetcher, RunsAheadByWorkersAndTwoAtMost) {
  constexpr std::int64_t kWorkers = 3;
  std::atomic<std::int64_t> made{0};
  Prefetcher<Numbered> prefetcher(1000, kWorkers, [&](std::int64_t index) {
    ++made;
    return numbered(index);
  });
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (made < kWorkers + 2 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  std::this_thread::sleep_for(milliseconds(20));  // time to go too far
  EXPECT_EQ(made, kWorkers + 2);
  for (std::int64_t taken = 1; taken <= 10; ++taken) {
    ASSERT_TRUE(prefetcher.next().has_value());
    std::this_thread::sleep_for(milliseconds(5));
    EXPECT_LE(made, taken + kWorkers + 2);
  }
}

TEST(Prefetcher, WorkersRunAtTheSameTime) {
  std::atomic<int> inside{0};
  Prefetcher<Numbered> prefetcher(2, 2, [&](std::int64_t index) {
    ++inside;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (inside < 2 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    if (inside < 2) throw std::runtime_error("the other worker never came");
    return numbered(index);
  });
  EXPECT_EQ(drain(prefetcher), (std::vector<std::int64_t>{0, 1}));
}

TEST(Prefetcher, RethrowsWhereTheBatchWouldHaveBeen) {
  for (const std::int64_t workers : {0, 1, 4}) {
    Prefetcher<Numbered> prefetcher(6, workers, [](std::int64_t index) {
      if (index == 3) throw std::out_of_range("batch 3");
      return numbered(index);
    });
    for (std::int64_t i = 0; i < 3; ++i) EXPECT_EQ(prefetcher.next()->index, i);
    EXPECT_THROW(prefetcher.next(), std::out_of_range) << workers;
    EXPECT_EQ(prefetcher.next()->index, 4);
  }
}

TEST(Prefetcher, TheDestructorWaitsForTheBatchesBegunOnly) {
  std::atomic<int> made{0};
  const auto start = std::chrono::steady_clock::now();
  {
    Prefetcher<Numbered> prefetcher(1000, 2, [&](std::int64_t index) {
      ++made;
      std::this_thread::sleep_for(milliseconds(20));
      return numbered(index);
    });
    prefetcher.next();
  }
  EXPECT_LE(made, 5);
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(2000));
}

}  // namespace
}  // namespace hgnn_moe

#include "hgnn_moe/base/philox.h"

#include <cstdint>
#include <set>

#include <gtest/gtest.h>

namespace hgnn_moe {
namespace {

constexpr bool equal(const PhiloxBlock& a, const PhiloxBlock& b) {
  return a.v[0] == b.v[0] && a.v[1] == b.v[1] && a.v[2] == b.v[2] && a.v[3] == b.v[3];
}

// Known answers for philox4x32 with 10 rounds, from kat_vectors of the authors' Random123
// library. Evaluated by the compiler, so that constexpr use is tested too.
static_assert(equal(philox(0, PhiloxBlock{{0, 0, 0, 0}}),
                    PhiloxBlock{{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}}));
static_assert(equal(philox(0xffffffffffffffffu,
                           PhiloxBlock{{0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu}}),
                    PhiloxBlock{{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}}));
static_assert(equal(philox(0x299f31d0a4093822u,
                           PhiloxBlock{{0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}}),
                    PhiloxBlock{{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}}));

TEST(Philox, RunTimeAgreesWithTheCompiler) {
  constexpr PhiloxBlock expected = philox(42, PhiloxBlock{{1, 2, 3, 4}});
  volatile std::uint64_t key = 42;  // keeps the compiler from evaluating the call
  EXPECT_TRUE(equal(philox(key, PhiloxBlock{{1, 2, 3, 4}}), expected));
}

TEST(Philox, StreamKeyDependsOnEveryArgument) {
  constexpr std::uint64_t kHigh = std::uint64_t{1} << 32;
  const std::set<std::uint64_t> keys = {
      philox_stream_key(1, RandomPurpose::init, 0),
      philox_stream_key(2, RandomPurpose::init, 0),
      philox_stream_key(1 + kHigh, RandomPurpose::init, 0),
      philox_stream_key(1, RandomPurpose::dropout, 0),
      philox_stream_key(1, RandomPurpose::init, 1),
      philox_stream_key(1, RandomPurpose::init, kHigh),
      philox_stream_key(1, RandomPurpose::init, 0, 1),
  };
  EXPECT_EQ(keys.size(), 7u);
}

TEST(Philox, StreamKeyIsFrozen) {
  // Data orders, initial values and dropout masks of published runs follow from this value.
  EXPECT_EQ(philox_stream_key(42, RandomPurpose::data_order, 3, 5), 3682079905423549539u);
}

}  // namespace
}  // namespace hgnn_moe

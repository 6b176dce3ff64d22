#include "hgnn_moe/data/sample_sets.h"

#include <memory>
#include <utility>

#include <gtest/gtest.h>

#include "tests/data/data_files.h"

namespace hgnn_moe::data {
namespace {

using testing::counting;
using testing::Document;

constexpr std::int64_t kEndOfText = 99;

class MemoryDocuments : public Documents {
 public:
  explicit MemoryDocuments(std::vector<Document> documents) : documents_(std::move(documents)) {
    for (const Document& document : documents_) {
      add_document(static_cast<std::int64_t>(document.size()));
    }
  }
  void read(std::int64_t document, std::int64_t first, std::int64_t count,
            std::int64_t* out) const override {
    std::copy_n(documents_[document].begin() + first, count, out);
  }

 private:
  std::vector<Document> documents_;
};

JoinedDocuments joined(std::vector<Document> documents) {
  return {std::make_unique<MemoryDocuments>(std::move(documents)), kEndOfText};
}

Document read_stream(const TokenStream& stream, std::int64_t first, std::int64_t count) {
  Document tokens(count);
  stream.read(first, count, tokens.data());
  return tokens;
}

std::pair<Document, Document> read_sample(const SampleSet& set, std::int64_t index) {
  Document inputs(set.length(index));
  Document targets(set.length(index));
  set.read(index, inputs.data(), targets.data());
  return {inputs, targets};
}

TEST(JoinedDocuments, EndsEveryDocument) {
  const JoinedDocuments stream = joined({{1, 2, 3}, {4}, {5, 6}});
  ASSERT_EQ(stream.size(), 9);
  EXPECT_EQ(read_stream(stream, 0, 9), (Document{1, 2, 3, 99, 4, 99, 5, 6, 99}));
}

TEST(JoinedDocuments, EveryRangeIsAPartOfTheWhole) {
  const JoinedDocuments stream = joined({{1}, {2, 3}, {4}, {5, 6, 7}, {8}});
  const Document all = read_stream(stream, 0, stream.size());
  for (std::int64_t first = 0; first <= stream.size(); ++first) {
    for (std::int64_t count = 0; first + count <= stream.size(); ++count) {
      if (first == stream.size()) continue;
      EXPECT_EQ(read_stream(stream, first, count),
                Document(all.begin() + first, all.begin() + first + count));
    }
  }
  EXPECT_THROW(read_stream(stream, 5, stream.size()), InternalError);
}

TEST(LineSamples, TargetIsTheNextTokenAndTheLastHasNone) {
  const LineSamples set(
      std::make_unique<MemoryDocuments>(std::vector<Document>{{1, 2, 3}, {4}, counting(10, 9)}), 5);
  ASSERT_EQ(set.size(), 3);
  EXPECT_EQ(set.max_targets(), 4);
  EXPECT_EQ(read_sample(set, 0), (std::pair{Document{1, 2, 3}, Document{2, 3, kNoTarget}}));
  EXPECT_EQ(read_sample(set, 1), (std::pair{Document{4}, Document{kNoTarget}}));
  // Truncated to 5 tokens first: token 15 exists and is still no target.
  EXPECT_EQ(read_sample(set, 2),
            (std::pair{Document{10, 11, 12, 13, 14}, Document{11, 12, 13, 14, kNoTarget}}));
}

TEST(PackedSamples, WindowsStartAtMultiplesOfTheirLength) {
  const PackedSamples set(
      std::make_unique<JoinedDocuments>(joined({counting(0, 6), counting(10, 4)})), 4);
  ASSERT_EQ(set.size(), 2);  // 12 tokens: windows 0..4 and 4..8; the rest is too short
  EXPECT_EQ(set.max_targets(), 4);
  EXPECT_EQ(read_sample(set, 0), (std::pair{Document{0, 1, 2, 3}, Document{1, 2, 3, 4}}));
  EXPECT_EQ(read_sample(set, 1), (std::pair{Document{4, 5, 99, 10}, Document{5, 99, 10, 11}}));
}

TEST(PackedSamples, AWindowNeedsOneTokenMoreThanItsLength) {
  const auto count = [](std::int64_t tokens, std::int64_t length) {
    return PackedSamples(std::make_unique<JoinedDocuments>(joined({counting(0, tokens - 1)})),
                         length)
        .size();
  };
  EXPECT_EQ(count(8, 4), 1);
  EXPECT_EQ(count(9, 4), 2);
  EXPECT_EQ(count(4, 4), 0);
  EXPECT_EQ(count(5, 4), 1);
  EXPECT_EQ(count(5, 1), 4);
}

}  // namespace
}  // namespace hgnn_moe::data

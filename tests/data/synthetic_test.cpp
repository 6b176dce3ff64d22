#include "hgnn_moe/data/synthetic.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include "tests/data/data_files.h"

namespace hgnn_moe::data {
namespace {

using testing::Document;
using testing::read_document;

TEST(SyntheticDocuments, LengthsAndIdsAreInRange) {
  const SyntheticDocuments documents(Split::train, 2000, 256, 128);
  ASSERT_EQ(documents.size(), 2000);
  std::int64_t shortest = 1000;
  std::int64_t longest = 0;
  for (std::int64_t d = 0; d < documents.size(); ++d) {
    shortest = std::min(shortest, documents.length(d));
    longest = std::max(longest, documents.length(d));
  }
  EXPECT_EQ(shortest, 16);
  EXPECT_EQ(longest, 144);
  const auto [lowest, highest] =
      std::minmax_element(documents.tokens().begin(), documents.tokens().end());
  EXPECT_EQ(*lowest, 0);
  EXPECT_EQ(*highest, 254) << "255 is left to end of text";
}

TEST(SyntheticDocuments, IsAPureFunctionOfItsArguments) {
  const SyntheticDocuments documents(Split::train, 5, 256, 128);
  EXPECT_EQ(SyntheticDocuments(Split::train, 5, 256, 128).tokens(), documents.tokens());
  EXPECT_NE(SyntheticDocuments(Split::eval, 5, 256, 128).tokens(), documents.tokens());
  EXPECT_NE(read_document(documents, 0), read_document(documents, 1));
  Document part(3);
  documents.read(1, 4, 3, part.data());
  const Document whole = read_document(documents, 1);
  EXPECT_EQ(part, Document(whole.begin() + 4, whole.begin() + 7));
}

TEST(SyntheticDocuments, WorksWithTheSmallestVocabulary) {
  const SyntheticDocuments documents(Split::eval, 3, 2, 2);
  EXPECT_EQ(*std::max_element(documents.tokens().begin(), documents.tokens().end()), 0);
}

// Entropies in nats of the evaluation text under counts of the training text with one added to
// every count: a model that learns pairs must gain far more than one that learns frequencies.
TEST(SyntheticDocuments, PairsCanBeLearned) {
  constexpr std::int64_t kVocab = 256;
  const SyntheticDocuments train(Split::train, kSyntheticTrainDocuments, kVocab, 128);
  const SyntheticDocuments eval(Split::eval, kSyntheticEvalDocuments, kVocab, 128);
  std::vector<double> singles(kVocab, 1.0);
  std::vector<double> pairs(kVocab * kVocab, 0.05);
  std::vector<double> pair_totals(kVocab, 0.05 * kVocab);
  double total = kVocab;
  for (std::int64_t d = 0; d < train.size(); ++d) {
    const Document ids = read_document(train, d);
    for (std::size_t t = 1; t < ids.size(); ++t) {
      ++singles[ids[t]];
      ++total;
      ++pairs[ids[t - 1] * kVocab + ids[t]];
      ++pair_totals[ids[t - 1]];
    }
  }
  double unigram = 0;
  double bigram = 0;
  std::int64_t count = 0;
  for (std::int64_t d = 0; d < eval.size(); ++d) {
    const Document ids = read_document(eval, d);
    for (std::size_t t = 1; t < ids.size(); ++t, ++count) {
      unigram -= std::log(singles[ids[t]] / total);
      bigram -= std::log(pairs[ids[t - 1] * kVocab + ids[t]] / pair_totals[ids[t - 1]]);
    }
  }
  unigram /= static_cast<double>(count);
  bigram /= static_cast<double>(count);
  EXPECT_GT(unigram, 4.5);
  EXPECT_LT(bigram, 2.4);
  EXPECT_GT(bigram, 1.4 + std::log(kVocab) / 8 - 0.1) << "easier than documented";
}

}  // namespace
}  // namespace hgnn_moe::data

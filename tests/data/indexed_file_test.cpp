#include "hgnn_moe/data/indexed_file.h"

#include <limits>

#include <gtest/gtest.h>

#include "tests/data/data_files.h"

namespace hgnn_moe::data {
namespace {

using testing::append;
using testing::bytes_of;
using testing::concatenated;
using testing::Document;
using testing::expect_error;
using testing::Index;
using testing::index_of;
using testing::read_document;
using testing::TemporaryFolder;
using testing::write_bytes;
using testing::write_indexed;

const std::vector<Document> kDocuments = {{1, 2, 3}, {4}, {5, 6, 7, 8}};

class IndexedFileTest : public ::testing::Test {
 protected:
  // Writes kDocuments as uint16 with this index and expects opening to fail.
  void expect_refused(const std::string& index, const std::vector<std::string>& fragments) {
    write_bytes(folder_ / "t.bin", bytes_of<std::uint16_t>(concatenated(kDocuments)));
    write_bytes(folder_ / "t.idx", index);
    expect_error(ExitCode::data, fragments, [&] { IndexedFile file(folder_ / "t.bin"); });
  }

  TemporaryFolder folder_;
};

TEST_F(IndexedFileTest, ReadsAGoldenFile) {
  // Two documents, {10, 300} and {7}, written out by hand.
  const std::string index(
      "MMIDIDX\0\0"
      "\1\0\0\0\0\0\0\0"
      "\10"
      "\2\0\0\0\0\0\0\0"
      "\3\0\0\0\0\0\0\0"
      "\2\0\0\0\1\0\0\0"
      "\0\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0"
      "\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0",
      82);
  write_bytes(folder_ / "t.bin", std::string("\12\0\54\1\7\0", 6));
  write_bytes(folder_ / "t.idx", index);
  const IndexedFile file(folder_ / "t.bin");
  ASSERT_EQ(file.size(), 2);
  EXPECT_EQ(read_document(file, 0), (Document{10, 300}));
  EXPECT_EQ(read_document(file, 1), (Document{7}));
  EXPECT_EQ(file.start(2), 3);
  EXPECT_EQ(file.empty_documents(), 0);
}

TEST_F(IndexedFileTest, ReadsPartsOfDocuments) {
  write_indexed(folder_.path(), "t", kDocuments);
  const IndexedFile file(folder_ / "t.bin");
  Document part(2);
  file.read(2, 1, 2, part.data());
  EXPECT_EQ(part, (Document{6, 7}));
  EXPECT_THROW(file.read(2, 3, 2, part.data()), InternalError);
}

TEST_F(IndexedFileTest, ReadsEveryType) {
  const auto check = [&](std::uint8_t code, std::int64_t id_bytes, const std::string& bin) {
    Index index = index_of(kDocuments, id_bytes);
    index.type_code = code;
    write_bytes(folder_ / "t.bin", bin);
    write_bytes(folder_ / "t.idx", index.bytes());
    const IndexedFile file(folder_ / "t.bin");
    ASSERT_EQ(file.size(), 3);
    for (int d = 0; d < 3; ++d) EXPECT_EQ(read_document(file, d), kDocuments[d]) << int{code};
  };
  const Document all = concatenated(kDocuments);
  check(1, 1, bytes_of<std::uint8_t>(all));
  check(2, 1, bytes_of<std::int8_t>(all));
  check(3, 2, bytes_of<std::int16_t>(all));
  check(4, 4, bytes_of<std::int32_t>(all));
  check(5, 8, bytes_of<std::int64_t>(all));
  check(8, 2, bytes_of<std::uint16_t>(all));
}

TEST_F(IndexedFileTest, JoinsTheSequencesOfADocument) {
  Index index = index_of({{1, 2}, {}, {3}, {4, 5, 6}});
  index.boundaries = {0, 3, 4};
  write_bytes(folder_ / "t.bin", bytes_of<std::uint16_t>(Document{1, 2, 3, 4, 5, 6}));
  write_bytes(folder_ / "t.idx", index.bytes());
  const IndexedFile file(folder_ / "t.bin");
  ASSERT_EQ(file.size(), 2);
  EXPECT_EQ(read_document(file, 0), (Document{1, 2, 3}));
  EXPECT_EQ(read_document(file, 1), (Document{4, 5, 6}));
  std::int64_t last = 0;
  file.read(0, 2, 1, &last);
  EXPECT_EQ(last, 3);
}

TEST_F(IndexedFileTest, AllowsOverlapAndAnyOrder) {
  Index index = index_of({{1, 2}, {1, 2, 3}});
  index.offsets = {4, 0};
  write_bytes(folder_ / "t.bin", bytes_of<std::uint16_t>(Document{1, 2, 3, 4}));
  write_bytes(folder_ / "t.idx", index.bytes());
  const IndexedFile file(folder_ / "t.bin");
  EXPECT_EQ(read_document(file, 0), (Document{3, 4}));
  EXPECT_EQ(read_document(file, 1), (Document{1, 2, 3}));
}

TEST_F(IndexedFileTest, LeavesOutAndCountsEmptyDocuments) {
  write_indexed(folder_.path(), "t", {{}, {1, 2}, {}, {}, {3}, {}});
  const IndexedFile file(folder_ / "t.bin");
  ASSERT_EQ(file.size(), 2);
  EXPECT_EQ(read_document(file, 0), (Document{1, 2}));
  EXPECT_EQ(read_document(file, 1), (Document{3}));
  EXPECT_EQ(file.empty_documents(), 4);
}

TEST_F(IndexedFileTest, RefusesFilesWithoutATokenOrMissing) {
  write_indexed(folder_.path(), "empty", {});
  expect_error(ExitCode::data, {"empty.bin", "no token"},
               [&] { IndexedFile file(folder_ / "empty.bin"); });
  write_indexed(folder_.path(), "blank", {{}, {}});
  expect_error(ExitCode::data, {"blank.bin", "no token"},
               [&] { IndexedFile file(folder_ / "blank.bin"); });
  write_bytes(folder_ / "lone.idx", index_of(kDocuments).bytes());
  expect_error(ExitCode::data, {"lone.bin"}, [&] { IndexedFile file(folder_ / "lone.bin"); });
}

TEST_F(IndexedFileTest, RefusesADamagedHeader) {
  expect_refused("", {"t.idx", "0 bytes", "truncated"});
  expect_refused("MMIDIDX", {"t.idx", "7 bytes", "truncated"});
  Index index = index_of(kDocuments);
  index.magic = std::string("TNTIDX\0\0\0", 9);
  expect_refused(index.bytes(), {"t.idx", "MMIDIDX"});
  index = index_of(kDocuments);
  index.version = 2;
  expect_refused(index.bytes(), {"t.idx", "version 2"});
  for (const int code : {0, 6, 7, 9, 255}) {
    index = index_of(kDocuments);
    index.type_code = static_cast<std::uint8_t>(code);
    expect_refused(index.bytes(), {"t.idx", "type code " + std::to_string(code) + " "});
  }
}

TEST_F(IndexedFileTest, RefusesCountsThatDoNotFitTheFile) {
  const std::string good = index_of(kDocuments).bytes();
  const auto with_count = [&](std::size_t offset, std::uint64_t count) {
    std::string bytes;
    append(bytes, count);
    return std::string(good).replace(offset, 8, bytes);
  };
  const std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();
  // 2^62 + 3 sequences of 12 bytes take 36 bytes modulo 2^64, just as 3 of them do.
  for (const std::uint64_t count :
       {huge, huge / 2, (std::uint64_t{1} << 62) + 3, std::uint64_t{4}}) {
    expect_refused(with_count(18, count), {"t.idx", std::to_string(count) + " sequences"});
  }
  for (const std::uint64_t count :
       {huge, (std::uint64_t{1} << 61) + 4, std::uint64_t{3}, std::uint64_t{0}}) {
    expect_refused(with_count(26, count),
                   {"t.idx", std::to_string(count) + " document boundaries"});
  }
  expect_refused(good + "x", {"t.idx", "3 sequences"});
}

TEST_F(IndexedFileTest, RefusesSequencesOutsideTheBin) {
  Index index = index_of(kDocuments);
  index.sizes[1] = -1;
  expect_refused(index.bytes(), {"t.idx", "sequence 1", "-1 tokens"});
  index = index_of(kDocuments);
  index.sizes[2] = 5;
  expect_refused(index.bytes(), {"t.idx", "sequence 2", "5 tokens", "8 tokens", "t.bin"});
  index = index_of(kDocuments);
  index.sizes[0] = std::numeric_limits<std::int32_t>::max();
  expect_refused(index.bytes(), {"t.idx", "sequence 0", "2147483647 tokens"});
  for (const std::int64_t offset :
       {std::int64_t{-2}, std::int64_t{1}, std::int64_t{18},
        std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
    index = index_of(kDocuments);
    index.offsets[0] = offset;
    expect_refused(index.bytes(), {"t.idx", "sequence 0", "offset " + std::to_string(offset)});
  }
}

TEST_F(IndexedFileTest, RefusesBoundariesThatDoNotCoverTheSequences) {
  for (const std::vector<std::int64_t>& boundaries : std::vector<std::vector<std::int64_t>>{
           {1, 1, 2, 3}, {0, 2, 1, 3}, {0, 1, 2, 4}, {0, 1, 2, 2}, {0, -1, 2, 3}, {0}}) {
    Index index = index_of(kDocuments);
    index.boundaries = boundaries;
    expect_refused(index.bytes(), {"t.idx", "boundar"});
  }
}

TEST_F(IndexedFileTest, RefusesTruncatedBins) {
  const std::string bin = bytes_of<std::uint16_t>(concatenated(kDocuments));
  write_bytes(folder_ / "t.idx", index_of(kDocuments).bytes());
  for (std::size_t size = 0; size < bin.size(); ++size) {
    write_bytes(folder_ / "t.bin", bin.substr(0, size));
    expect_error(ExitCode::data, {size % 2 == 1 ? "no multiple" : "no place"},
                 [&] { IndexedFile file(folder_ / "t.bin"); });
  }
}

TEST_F(IndexedFileTest, RefusesTheIndexTruncatedAtEveryByte) {
  const std::string index = index_of(kDocuments).bytes();
  for (std::size_t size = 0; size < index.size(); ++size) {
    expect_refused(index.substr(0, size), {"t.idx"});
  }
}

// A flipped bit gives a sentence or a file that reads without fault, never a crash: the address
// sanitizer's build runs this too.
TEST_F(IndexedFileTest, SurvivesEveryFlippedBitOfTheIndex) {
  write_indexed(folder_.path(), "t", kDocuments);
  const std::string index = index_of(kDocuments).bytes();
  int refused = 0;
  for (std::size_t bit = 0; bit < index.size() * 8; ++bit) {
    std::string damaged = index;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    write_bytes(folder_ / "t.idx", damaged);
    try {
      const IndexedFile file(folder_ / "t.bin");
      for (std::int64_t d = 0; d < file.size(); ++d) {
        for (const std::int64_t id : read_document(file, d)) EXPECT_LE(id, 0x0808) << bit;
      }
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::data) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 700) << "of " << index.size() * 8;
}

}  // namespace
}  // namespace hgnn_moe::data

#include "hgnn_moe/base/npy.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/base/test_support.h"

namespace hgnn_moe {
namespace {

// A .npy file of `version` with the header `text` and `data_size` bytes of data.
std::string npy(int version, const std::string& text, std::size_t data_size) {
  const auto length = static_cast<std::uint32_t>(text.size());
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(version);
  bytes += '\0';
  bytes.append(reinterpret_cast<const char*>(&length), version == 1 ? 2 : 4);
  return bytes + text + std::string(data_size, '\0');
}

// As numpy.save writes it: padded with spaces to 64 bytes, with a newline last.
std::string saved(const std::string& dictionary, std::size_t data_size) {
  std::string text = dictionary;
  text.append(64 - (10 + text.size() + 1) % 64, ' ');
  return npy(1, text + "\n", data_size);
}

NpyArray header_of(const std::string& bytes) {
  const TemporaryFolder folder;
  put_file(folder / "train.npy", bytes);
  return read_npy_header(MappedFile(folder / "train.npy", ExitCode::data), ExitCode::data);
}

std::string error_of(const std::string& bytes) {
  const std::string message = message_of_error(ExitCode::data, [&] { header_of(bytes); });
  EXPECT_TRUE(contains(message, "train.npy")) << message;
  return message;
}

TEST(Npy, ReadsOneDimension) {
  const NpyArray array =
      header_of(saved("{'descr': '<u2', 'fortran_order': False, 'shape': (3,), }", 6));
  EXPECT_EQ(array.type, NpyType::u2);
  EXPECT_EQ(array.shape, std::vector<std::size_t>{3});
  EXPECT_EQ(array.count, 3u);
  EXPECT_EQ(array.data_offset, 128u);
}

TEST(Npy, ReadsTwoDimensions) {
  const NpyArray array =
      header_of(saved("{'descr': '<i8', 'fortran_order': False, 'shape': (2, 3), }", 48));
  EXPECT_EQ(array.type, NpyType::i8);
  EXPECT_EQ(array.shape, (std::vector<std::size_t>{2, 3}));
  EXPECT_EQ(array.count, 6u);
}

TEST(Npy, ReadsEveryType) {
  const std::vector<std::pair<const char*, std::size_t>> types = {
      {"<u2", 2}, {"<u4", 4}, {"<i4", 4}, {"<i8", 8}, {"<f2", 2}, {"<f4", 4}, {"<f8", 8}};
  for (std::size_t i = 0; i < types.size(); ++i) {
    const NpyArray array = header_of(saved(
        std::string("{'descr': '") + types[i].first + "', 'fortran_order': False, 'shape': (5,), }",
        5 * types[i].second));
    EXPECT_EQ(array.type, static_cast<NpyType>(i)) << types[i].first;
    EXPECT_EQ(element_size(array.type), types[i].second) << types[i].first;
  }
}

TEST(Npy, ReadsOtherVersionsSpellingsAndEmptyArrays) {
  EXPECT_EQ(
      header_of(npy(2, "{\"shape\":(0,),\"descr\":\"<f4\",\"fortran_order\":False}", 0)).count, 0u);
  EXPECT_EQ(header_of(npy(3, "{'descr':'<u2','fortran_order':False,'shape':(1,2)}\n", 4)).count,
            2u);
}

struct BadHeader {
  const char* dictionary;
  std::size_t data_size;
  const char* cause;
};

const BadHeader kBadHeaders[] = {
    {"", 0, "cannot be read"},
    {"{}", 0, "cannot be read"},
    {"{'descr': '<u2', 'shape': (3,), }", 6, "cannot be read"},
    {"{'descr': '<u2', 'descr': '<u2', 'shape': (3,), }", 6, "cannot be read"},
    {"{'descr': '<u2', 'fortran_order': False, 'shape': (3", 6, "cannot be read"},
    {"{'descr': '<u2', 'fortran_order': False, 'shape': (3 4)}", 24, "cannot be read"},
    {"{'descr': '<u2', 'fortran_order': False, 'shape': (-3,)}", 6, "cannot be read"},
    {"{'descr': '<u2', 'fortran_order': False, 'shape': (3,)} x", 6, "cannot be read"},
    {"{'descr': '<u2', 'fortran_order': False, 'shape': (99999999999999999999,)}", 6,
     "cannot be read"},
    {"{'descr': '>u2', 'fortran_order': False, 'shape': (3,)}", 6, "dtype is '>u2'"},
    {"{'descr': '<c8', 'fortran_order': False, 'shape': (3,)}", 24, "dtype is '<c8'"},
    {"{'descr': '<u2', 'fortran_order': True, 'shape': (3, 2)}", 12, "Fortran"},
    {"{'descr': '<u2', 'fortran_order': False, 'shape': ()}", 2, "0 dimensions"},
    {"{'descr': '<u2', 'fortran_order': False, 'shape': (1, 1, 1)}", 2, "3 dimensions"},
    {"{'descr': '<u2', 'fortran_order': False, 'shape': (3,)}", 5,
     "needs 6 bytes of data and 5 are there"},
    {"{'descr': '<u2', 'fortran_order': False, 'shape': (3,)}", 7,
     "needs 6 bytes of data and 7 are there"},
    {"{'descr': '<u2', 'fortran_order': False, 'shape': (4294967296, 2147483648)}", 0,
     "larger than any memory"},
};

TEST(Npy, BadHeaderIsRejectedWithItsCause) {
  for (const BadHeader& bad : kBadHeaders) {
    SCOPED_TRACE(bad.dictionary);
    const std::string message = error_of(npy(1, bad.dictionary, bad.data_size));
    EXPECT_TRUE(contains(message, bad.cause)) << message;
  }
}

TEST(Npy, TruncatedAnywhereIsAnError) {
  const std::string bytes = saved("{'descr': '<u2', 'fortran_order': False, 'shape': (3,), }", 6);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    SCOPED_TRACE(size);
    error_of(bytes.substr(0, size));
  }
}

TEST(Npy, UnknownVersionOrMagicIsAnError) {
  EXPECT_TRUE(contains(error_of(npy(4, "{}", 0)), "version is 4"));
  EXPECT_TRUE(contains(error_of(std::string(200, 'x')), "magic"));
}

TEST(Npy, WritesWhatItReads) {
  const TemporaryFolder folder;
  const std::vector<float> data = {1.5f, -2.0f, std::numeric_limits<float>::quiet_NaN(),
                                   0.0f, 3.0f,  4.0f};
  write_npy_f32(folder / "a.npy", 2, 3, data.data());
  const MappedFile file(folder / "a.npy", ExitCode::data);
  const NpyArray array = read_npy_header(file, ExitCode::data);
  EXPECT_EQ(array.type, NpyType::f4);
  EXPECT_EQ(array.shape, (std::vector<std::size_t>{2, 3}));
  EXPECT_EQ(array.data_offset % 64, 0u);
  EXPECT_EQ(
      std::memcmp(file.bytes().data + array.data_offset, data.data(), data.size() * sizeof(float)),
      0);
}

TEST(Npy, WritesTheHeaderOfNumPy) {
  const TemporaryFolder folder;
  write_npy_f32(folder / "a.npy", 0, 7, nullptr);
  EXPECT_EQ(read_text_file(folder / "a.npy", ExitCode::data),
            saved("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 7), }", 0));
}

}  // namespace
}  // namespace hgnn_moe

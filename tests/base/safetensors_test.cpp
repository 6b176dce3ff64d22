#include "hgnn_moe/base/safetensors.h"

#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/base/test_support.h"

#include "hgnn_moe/base/hash.h"

namespace hgnn_moe {
namespace {

const std::map<std::string, std::string> kMetadata = {{"format", "pt"}, {"weights", "raw"}};
const std::vector<float> kFloats = {1.5f, -2.0f, 0.0f, 3e8f, 5.0f, 6.0f};
const std::vector<std::int64_t> kIntegers = {-1, 1'000'000'000'000};
const std::vector<std::uint8_t> kBytes = {1, 2, 255};

std::string write_example(const std::filesystem::path& path) {
  return write_safetensors(path,
                           {{"z.weight", ScalarType::f32, {2, 3}, kFloats.data()},
                            {"bytes", ScalarType::u8, {3}, kBytes.data()},
                            {"scalar", ScalarType::i64, {}, kIntegers.data()},
                            {"empty", ScalarType::bf16, {0, 4}, nullptr},
                            {"a \"quoted\" name", ScalarType::i64, {2}, kIntegers.data()}},
                           kMetadata);
}

// A file made of a header and `data_size` bytes of data.
std::string file_with(const std::string& header, std::size_t data_size) {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + header +
         std::string(data_size, '\0');
}

std::string error_of(const std::string& bytes) {
  const TemporaryFolder folder;
  const auto path = folder / "model.safetensors";
  put_file(path, bytes);
  const std::string message =
      message_of_error(ExitCode::checkpoint, [&] { SafetensorsFile(path, ExitCode::checkpoint); });
  EXPECT_TRUE(contains(message, path.string())) << message;
  return message;
}

TEST(Safetensors, RoundTrip) {
  const TemporaryFolder folder;
  write_example(folder / "a.safetensors");
  const SafetensorsFile file(folder / "a.safetensors", ExitCode::checkpoint);

  EXPECT_EQ(file.metadata(), kMetadata);
  std::vector<std::string> names;
  for (const TensorEntry& entry : file.entries()) names.push_back(entry.name);
  EXPECT_EQ(names, (std::vector<std::string>{"z.weight", "bytes", "scalar", "empty",
                                             "a \"quoted\" name"}));

  const TensorEntry* weight = file.find("z.weight");
  ASSERT_NE(weight, nullptr);
  EXPECT_EQ(weight->type, ScalarType::f32);
  EXPECT_EQ(weight->shape, (std::vector<std::int64_t>{2, 3}));
  ASSERT_EQ(weight->end - weight->begin, kFloats.size() * sizeof(float));
  EXPECT_EQ(std::memcmp(file.data(*weight), kFloats.data(), kFloats.size() * sizeof(float)), 0);

  const TensorEntry* scalar = file.find("scalar");
  ASSERT_NE(scalar, nullptr);
  EXPECT_TRUE(scalar->shape.empty());
  EXPECT_EQ(std::memcmp(file.data(*scalar), kIntegers.data(), sizeof(std::int64_t)), 0);

  EXPECT_EQ(file.find("empty")->shape, (std::vector<std::int64_t>{0, 4}));
  EXPECT_EQ(file.find("none"), nullptr);
}

TEST(Safetensors, EveryTypeHasItsSizeAndName) {
  const TemporaryFolder folder;
  const std::vector<std::uint64_t> zeros(8);
  const std::vector<std::pair<const char*, std::size_t>> expected = {
      {"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},
      {"I32", 4}, {"I16", 2}, {"I8", 1},  {"U8", 1},   {"BOOL", 1}};
  std::vector<TensorToWrite> tensors;
  for (int i = 0; i < 10; ++i) {
    const auto type = static_cast<ScalarType>(i);
    EXPECT_STREQ(format_name(type), expected[static_cast<std::size_t>(i)].first);
    EXPECT_EQ(element_size(type), expected[static_cast<std::size_t>(i)].second);
    tensors.push_back({format_name(type), type, {3}, zeros.data()});
  }
  write_safetensors(folder / "a", tensors, {});
  const SafetensorsFile file(folder / "a", ExitCode::checkpoint);
  ASSERT_EQ(file.entries().size(), 10u);
  for (const TensorEntry& entry : file.entries()) {
    EXPECT_EQ(format_name(entry.type), entry.name);
    EXPECT_EQ(entry.end - entry.begin, 3 * element_size(entry.type));
  }
}

TEST(Safetensors, WritesExactlyThis) {
  const TemporaryFolder folder;
  write_safetensors(folder / "a", {{"w", ScalarType::u8, {3}, kBytes.data()}}, {{"k", "v"}});
  const std::string header =
      R"({"__metadata__":{"k":"v"},"w":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})";
  const std::string padded = header + std::string(8 - header.size() % 8, ' ');
  EXPECT_EQ(read_text_file(folder / "a", ExitCode::data),
            std::string(1, static_cast<char>(padded.size())) + std::string(7, '\0') + padded +
                "\x01\x02\xff");
}

TEST(Safetensors, EqualArgumentsGiveEqualBytesAndTheHashOfTheFile) {
  const TemporaryFolder folder;
  const std::string first = write_example(folder / "a");
  const std::string second = write_example(folder / "b");
  EXPECT_EQ(first, second);
  EXPECT_EQ(first, xxh3_hex_of_file(folder / "a", ExitCode::data));
  EXPECT_EQ(read_text_file(folder / "a", ExitCode::data),
            read_text_file(folder / "b", ExitCode::data));
}

TEST(Safetensors, FileWithoutTensors) {
  const TemporaryFolder folder;
  write_safetensors(folder / "a", {}, {});
  EXPECT_TRUE(SafetensorsFile(folder / "a", ExitCode::checkpoint).entries().empty());
}

TEST(Safetensors, HeaderOrderAndPaddingOfOthersAreAccepted) {
  const TemporaryFolder folder;
  put_file(folder / "a",
           file_with("{\"b\":{\"data_offsets\":[2,4],\"shape\":[2],\"dtype\":\"U8\"},"
                     " \"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]}} ",
                     4));
  const SafetensorsFile file(folder / "a", ExitCode::checkpoint);
  ASSERT_EQ(file.entries().size(), 2u);
  EXPECT_EQ(file.entries()[0].name, "a");
  EXPECT_EQ(file.data(file.entries()[1]) - file.data(file.entries()[0]), 2);
}

TEST(Safetensors, TruncatedAnywhereIsAnError) {
  const TemporaryFolder folder;
  write_example(folder / "a");
  const std::string bytes = read_text_file(folder / "a", ExitCode::data);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    SCOPED_TRACE(size);
    error_of(bytes.substr(0, size));
  }
  error_of(bytes + "x");
}

// Whatever a flipped bit makes of the header, the reader rejects it or stays inside the file.
TEST(Safetensors, FlippedHeaderBitsNeverLeadOutside) {
  const TemporaryFolder folder;
  write_example(folder / "a");
  const std::string bytes = read_text_file(folder / "a", ExitCode::data);
  std::uint64_t header_length = 0;
  std::memcpy(&header_length, bytes.data(), sizeof(header_length));
  const std::size_t data_offset = sizeof(header_length) + header_length;
  int rejected = 0;
  for (std::size_t at = 0; at < data_offset; ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
    put_file(folder / "b", damaged);
    try {
      const SafetensorsFile file(folder / "b", ExitCode::checkpoint);
      for (const TensorEntry& entry : file.entries()) {
        ASSERT_LE(data_offset + entry.end, bytes.size()) << "bit " << at % 8 << " of byte " << at;
      }
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::checkpoint) << error.what();
      ++rejected;
    }
  }
  EXPECT_GT(rejected, 0);
}

struct BadHeader {
  const char* header;
  std::size_t data_size;
  const char* cause;
};

const BadHeader kBadHeaders[] = {
    {"", 0, "line 1, column 1"},
    {"[]", 0, "not an object"},
    {"{\"w\":", 0, "line 1, column 6"},
    {R"({"w":7})", 0, "\"w\" has no dtype"},
    {R"({"w":{"dtype":"F32","shape":[1]}})", 4, "has no data_offsets"},
    {R"({"w":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})", 1,
     "unsupported dtype \"F8_E4M3\""},
    {R"({"w":{"dtype":5,"shape":[1],"data_offsets":[0,1]}})", 1, "unsupported dtype 5"},
    {R"({"w":{"dtype":"U8","shape":1,"data_offsets":[0,1]}})", 1, "no list"},
    {R"({"w":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1, "-1 in its shape"},
    {R"({"w":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}})", 1, "1.5 in its shape"},
    {R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0]}})", 1, "1 data_offsets"},
    {R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", 1, "outside the 1 bytes"},
    {R"({"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 1, "outside the 1 bytes"},
    {R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[18446744073709551615,0]}})", 1,
     "outside the 1 bytes"},
    {R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,18446744073709551616]}})", 1,
     "no whole number"},
    {R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4,
     "needs 8 bytes and its data_offsets span 4"},
    {R"({"w":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]}})", 4,
     "no 64-bit index"},
    // 2^31 * 2^31 * 4 wraps to 0, and so does 2^62 * 4.
    {R"({"w":{"dtype":"F32","shape":[2147483648,2147483648],"data_offsets":[0,0]}})", 0,
     "larger than any memory"},
    {R"({"w":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}})", 0,
     "larger than any memory"},
    {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
     R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
     3, "\"b\" starts at byte 1 of the data and the tensor before it ends at 2"},
    {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
     R"("b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
     3, "\"b\" starts at byte 2 of the data and the tensor before it ends at 1"},
    {R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 2,
     "take 1 bytes and 2 bytes of data are there"},
    {R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
     R"("w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
     1, "the key \"w\" is given twice"},
    {R"({"__metadata__":[]})", 0, "__metadata__ is no object"},
    {R"({"__metadata__":{"a":1}})", 0, "the value of \"a\""},
};

TEST(Safetensors, BadHeaderIsRejectedWithItsCause) {
  for (const BadHeader& bad : kBadHeaders) {
    SCOPED_TRACE(bad.header);
    const std::string message = error_of(file_with(bad.header, bad.data_size));
    EXPECT_TRUE(contains(message, bad.cause)) << message;
  }
}

TEST(Safetensors, HeaderLengthIsChecked) {
  const auto with_length = [](std::uint64_t length) {
    return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + "{}";
  };
  EXPECT_TRUE(contains(error_of(with_length(~std::uint64_t{0})), "above the format's limit"));
  EXPECT_TRUE(contains(error_of(with_length(~std::uint64_t{0} - 7)), "above the format's limit"));
  EXPECT_TRUE(contains(error_of(with_length(3)), "takes 3 bytes and 2 are there"));
  EXPECT_TRUE(contains(error_of(with_length(100'000'000)), "and 2 are there"));
  EXPECT_TRUE(contains(error_of(std::string(7, '\0')), "truncated to 7 bytes"));
}

TEST(Safetensors, MissingFileIsAnError) {
  const TemporaryFolder folder;
  message_of_error(ExitCode::data, [&] { SafetensorsFile(folder / "none", ExitCode::data); });
}

TEST(Safetensors, OurOwnMistakesAreInternalErrorsAndWriteNothing) {
  const TemporaryFolder folder;
  const auto write = [&](const std::vector<TensorToWrite>& tensors) {
    write_safetensors(folder / "a", tensors, {});
  };
  const TensorToWrite good{"w", ScalarType::u8, {3}, kBytes.data()};
  EXPECT_THROW(write({good, good}), InternalError);
  EXPECT_THROW(write({{"__metadata__", ScalarType::u8, {3}, kBytes.data()}}), InternalError);
  EXPECT_THROW(write({{"w", ScalarType::u8, {-3}, kBytes.data()}}), InternalError);
  EXPECT_THROW(write({{"w", ScalarType::u8, {3}, nullptr}}), InternalError);
  EXPECT_TRUE(names_in(folder.path()).empty());
}

}  // namespace
}  // namespace hgnn_moe

#include "hgnn_moe/hgt/embedding_file.h"

#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/base/test_support.h"
#include "tests/hgt/embedding_cases.h"

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/npy.h"
#include "hgnn_moe/base/safetensors.h"

namespace hgnn_moe::hgt {
namespace {

using testing::embeddings_of;
using testing::gaussian;
using testing::values_of;

const std::vector<std::string> kEndings = {".safetensors", ".npy", ".csv"};

// Two types with names that need quotes, and values of every kind.
Embeddings odd_ones() {
  Embeddings embeddings = embeddings_of({{"drug", gaussian(3, 4, 1)}, {"gene", gaussian(2, 4, 2)}});
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float values[] = {
      std::numeric_limits<float>::quiet_NaN(),  kInfinity,     -kInfinity, -0.0f,
      std::numeric_limits<float>::denorm_min(), 3.4028235e38f, 0.1f,       1e-20f};
  std::memcpy(embeddings.values_NF.data_ptr(), values, sizeof(values));
  kg::TextList names;
  for (const char* name : {"plain", "a, \"quoted\" name", "", "\xC3\xA9t\xC3\xA9", "x"}) {
    names.add(name);
  }
  embeddings.node_names = std::move(names).share();
  return embeddings;
}

void expect_equal(const Embeddings& found, const Embeddings& expected) {
  ASSERT_EQ(found.values_NF.sizes(), expected.values_NF.sizes());
  EXPECT_EQ(found.values_NF.scalar_type(), at::kFloat);
  EXPECT_TRUE(found.values_NF.is_contiguous());
  const auto bytes = static_cast<std::size_t>(expected.values_NF.nbytes());
  const at::Tensor is_nan = expected.values_NF.isnan();
  EXPECT_TRUE(found.values_NF.isnan().equal(is_nan));
  const at::Tensor a = found.values_NF.masked_fill(is_nan, 0.0);
  const at::Tensor b = expected.values_NF.masked_fill(is_nan, 0.0);
  EXPECT_EQ(std::memcmp(a.data_ptr(), b.data_ptr(), bytes), 0) << found.values_NF;
  EXPECT_EQ(found.type_names, expected.type_names);
  EXPECT_EQ(found.node_types, expected.node_types);
  EXPECT_EQ(found.is_typed, expected.is_typed);
  for (std::int32_t node = 0; node < expected.nodes(); ++node) {
    EXPECT_EQ(found.node_ids[node], expected.node_ids[node]);
    EXPECT_EQ(found.node_names[node], expected.node_names[node]);
  }
}

std::string error_of(const std::function<void()>& action, ExitCode code = ExitCode::data) {
  return message_of_error(code, action);
}

TEST(EmbeddingFile, EveryFormatGivesBackWhatWasWritten) {
  const TemporaryFolder folder;
  for (const std::string& ending : kEndings) {
    SCOPED_TRACE(ending);
    const auto path = folder / ("e" + ending);
    write_embeddings(path, odd_ones());
    expect_equal(read_embeddings(path), odd_ones());
    EXPECT_TRUE(read_embeddings(path).notes.empty());
    const Embeddings large = embeddings_of({{"drug", gaussian(4000, 33, 1)}});
    write_embeddings(path, large);
    expect_equal(read_embeddings(path), large);
  }
}

TEST(EmbeddingFile, UntypedOnesStayUntyped) {
  const TemporaryFolder folder;
  Embeddings untyped = embeddings_of({{"node", gaussian(5, 3, 1)}});
  untyped.is_typed = false;
  for (const std::string& ending : kEndings) {
    SCOPED_TRACE(ending);
    write_embeddings(folder / ("e" + ending), untyped);
    const Embeddings found = read_embeddings(folder / ("e" + ending));
    expect_equal(found, untyped);
    ASSERT_EQ(found.notes.size(), 1u);
    EXPECT_TRUE(contains(found.notes[0], "no types"));
  }
}

TEST(EmbeddingFile, TheNameSaysTheFormat) {
  const TemporaryFolder folder;
  EXPECT_TRUE(
      contains(error_of([&] { read_embeddings(folder / "e.bin"); }, ExitCode::usage), "e.bin"));
  EXPECT_TRUE(contains(
      error_of([&] { write_embeddings(folder / "e", odd_ones()); }, ExitCode::usage), "'"));
  put_file(folder / "e.csv", "node_id,emb_0\na,1\n");
  EXPECT_TRUE(contains(
      error_of([&] { read_embeddings(folder / "e.csv", "ids.tsv"); }, ExitCode::usage), "ids.tsv"));
  for (const std::string& ending : kEndings) {
    EXPECT_TRUE(contains(error_of([&] { read_embeddings(folder / ("none" + ending)); }), "none"));
  }
}

TEST(EmbeddingFile, RowsOfTheSameNodeAreRefused) {
  const TemporaryFolder folder;
  put_file(folder / "e.csv",
           "node_type,node_id,emb_0\na,1,1\nb,1,2\na,1,3\na,2,3\nb,1,3\nb,1,4\nb,1,5\n");
  EXPECT_TRUE(contains(
      error_of([&] { read_embeddings(folder / "e.csv"); }),
      "4 rows with the type and id of an earlier row, counted from 0: a:1 (rows 0 and 2), b:1 "
      "(rows 1 and 4), b:1 (rows 1 and 5) and 1 more; give each node of a type its own id"));
  Embeddings twins = odd_ones();
  twins.type_names[1] = "drug";
  kg::TextList ids;
  for (const char* id : {"x", "y", "z", "x", "w"}) ids.add(id);
  twins.node_ids = std::move(ids).share();
  for (const std::string& ending : kEndings) {
    SCOPED_TRACE(ending);
    const auto path = folder / ("twins" + ending);
    write_embeddings(path, twins);
    EXPECT_TRUE(contains(error_of([&] { read_embeddings(path); }), "1 rows with the type and id"));
  }
}

TEST(EmbeddingFile, WithoutTypesTheyMayBeOtherNodes) {
  const TemporaryFolder folder;
  put_file(folder / "e.csv", "node_id,emb_0\n1,1\n2,2\n1,3\n");
  const Embeddings found = read_embeddings(folder / "e.csv");
  EXPECT_EQ(found.nodes(), 3);
  ASSERT_EQ(found.notes.size(), 2u);
  EXPECT_TRUE(contains(found.notes[1],
                       "1 rows have the id of an earlier row, counted from 0: 1 "
                       "(rows 0 and 2)"));
}

TEST(EmbeddingNpy, TabsAreRefused) {
  const TemporaryFolder folder;
  Embeddings embeddings = embeddings_of({{"drug", gaussian(1, 2, 1)}});
  kg::TextList ids;
  ids.add("a\tb");
  embeddings.node_ids = std::move(ids).share();
  EXPECT_TRUE(contains(error_of([&] { write_embeddings(folder / "e.npy", embeddings); }),
                       "which has a tab or a line break; write a .csv or .safetensors file"));
  for (const std::string ending : {".csv", ".safetensors"}) {
    write_embeddings(folder / ("e" + ending), embeddings);
    expect_equal(read_embeddings(folder / ("e" + ending)), embeddings);
  }
}

// A .npy file of [rows, columns] with elements of `type`.
template <typename T>
void put_npy(const std::filesystem::path& path, const std::string& type, const std::string& shape,
             const std::vector<T>& values) {
  std::string header =
      "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }";
  header.append(64 - (10 + header.size() + 1) % 64, ' ');
  header += '\n';
  std::string bytes = "\x93NUMPY";
  bytes += {'\x01', '\x00', static_cast<char>(header.size()), '\x00'};
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  put_file(path, bytes);
}

TEST(EmbeddingNpy, EveryRealTypeIsRead) {
  const TemporaryFolder folder;
  const std::vector<float> expected = {1.5f, -2.0f, 0.25f, 8.0f, 0.5f, 1.0f};
  put_npy<double>(folder / "d.npy", "<f8", "(2, 3)", {1.5, -2.0, 0.25, 8.0, 0.5, 1.0});
  EXPECT_EQ(values_of(read_embeddings(folder / "d.npy")), expected);
  put_npy<at::Half>(folder / "h.npy", "<f2", "(2, 3)", {1.5f, -2.0f, 0.25f, 8.0f, 0.5f, 1.0f});
  const Embeddings found = read_embeddings(folder / "h.npy");
  EXPECT_EQ(values_of(found), expected);
  EXPECT_EQ(found.node_ids[1], "1");
  EXPECT_FALSE(found.is_typed);
  EXPECT_EQ(found.notes.size(), 2u);
  put_npy<double>(folder / "huge.npy", "<f8", "(1, 2)", {1e300, 1e-300});
  EXPECT_EQ(values_of(read_embeddings(folder / "huge.npy")),
            (std::vector<float>{std::numeric_limits<float>::infinity(), 0.0f}));
}

TEST(EmbeddingNpy, IdsMayLieElsewhere) {
  const TemporaryFolder folder;
  write_npy_f32(folder / "e.npy", 2, 1, std::vector<float>{1.0f, 2.0f}.data());
  put_file(folder / "ids.tsv", "node_type\tnode_id\ngene\tg\"1\nd rug\td\n");
  const Embeddings found = read_embeddings(folder / "e.npy", folder / "ids.tsv");
  EXPECT_EQ(found.type_names, (std::vector<std::string>{"gene", "d rug"}));
  EXPECT_EQ(found.node_ids[0], "g\"1");
  EXPECT_EQ(found.node_names[0], "");
}

TEST(EmbeddingNpy, WhatCannotBeReadIsNamed) {
  const TemporaryFolder folder;
  const auto path = folder / "e.npy";
  const auto error = [&] { return error_of([&] { read_embeddings(path); }); };
  put_npy<float>(path, "<f4", "(3,)", {1, 2, 3});
  EXPECT_TRUE(contains(error(), "one dimension of 3"));
  put_npy<std::int32_t>(path, "<i4", "(1, 1)", {1});
  EXPECT_TRUE(contains(error(), "whole numbers"));
  put_npy<float>(path, "<f4", "(0, 3)", {});
  EXPECT_TRUE(contains(error(), "0 nodes"));
  put_npy<float>(path, "<f4", "(3, 0)", {});
  EXPECT_TRUE(contains(error(), "0 numbers"));
  put_npy<float>(path, "<f4", "(2, 1)", {1, 2});
  put_file(folder / "e_ids.tsv", "node_id\ta\n1\t2\n");
  EXPECT_TRUE(contains(error(), "1 nodes and the embeddings have 2"));
  put_file(folder / "e_ids.tsv", "node_id\ta\n1\t2\n3\n\t4\n");
  EXPECT_TRUE(contains(error(), "line 3: there are 1 fields"));
  EXPECT_TRUE(contains(error(), "line 4: node_id is empty"));
  put_file(folder / "e_ids.tsv", "");
  EXPECT_TRUE(contains(error(), "no header"));
  EXPECT_TRUE(contains(error_of([&] { read_embeddings(path, folder / "no.tsv"); }), "no.tsv"));
}

TEST(EmbeddingNpy, TextsThatATableCannotHoldAreRefused) {
  const TemporaryFolder folder;
  Embeddings embeddings = embeddings_of({{"drug", gaussian(2, 2, 1)}});
  kg::TextList names;
  names.add("fine");
  names.add("two\nlines");
  embeddings.node_names = std::move(names).share();
  EXPECT_TRUE(
      contains(error_of([&] { write_embeddings(folder / "e.npy", embeddings); }), "'two?lines'"));
  EXPECT_TRUE(names_in(folder.path()).empty()) << "half of two files was written";
  write_embeddings(folder / "e.csv", embeddings);
  expect_equal(read_embeddings(folder / "e.csv"), embeddings);
}

// embeddings.safetensors with tensors and metadata of the test's choice.
class SafetensorsTest : public ::testing::Test {
 protected:
  std::string write(const std::vector<TensorToWrite>& tensors,
                    const std::map<std::string, std::string>& metadata = {}) const {
    write_safetensors(folder_ / "e.safetensors", tensors, metadata);
    return (folder_ / "e.safetensors").string();
  }

  std::string error(const std::vector<TensorToWrite>& tensors,
                    const std::map<std::string, std::string>& metadata = {}) const {
    const std::string path = write(tensors, metadata);
    return error_of([&] { read_embeddings(path); });
  }

  const std::vector<float> values_ = {1, 2, 3, 4, 5, 6};
  const TensorToWrite embeddings_ = {"embeddings", ScalarType::f32, {3, 2}, values_.data()};

 private:
  TemporaryFolder folder_;
};

TEST_F(SafetensorsTest, EveryRealTypeIsRead) {
  const std::vector<double> wide = {1, 2, 3, 4, 5, 6};
  const at::Tensor half = at::tensor(at::ArrayRef<float>(values_)).to(at::kHalf);
  const at::Tensor brain = half.to(at::kBFloat16);
  for (const TensorToWrite& tensor :
       {embeddings_, TensorToWrite{"embeddings", ScalarType::f64, {3, 2}, wide.data()},
        TensorToWrite{"embeddings", ScalarType::f16, {3, 2}, half.data_ptr()},
        TensorToWrite{"embeddings", ScalarType::bf16, {3, 2}, brain.data_ptr()}}) {
    const Embeddings found = read_embeddings(write({tensor}));
    EXPECT_EQ(values_of(found), values_) << format_name(tensor.type);
    EXPECT_EQ(found.node_ids[2], "2");
    EXPECT_EQ(found.notes.size(), 2u);
  }
}

TEST_F(SafetensorsTest, TypesMayBeLong) {
  const std::vector<std::int64_t> types = {1, 0, 1};
  const Embeddings found =
      read_embeddings(write({embeddings_, {"node_type", ScalarType::i64, {3}, types.data()}},
                            {{"node_types", R"(["a","b"])"}}));
  EXPECT_EQ(found.node_types, (std::vector<std::int32_t>{1, 0, 1}));
}

TEST_F(SafetensorsTest, WhatCannotBeReadIsNamed) {
  EXPECT_TRUE(contains(error({}), "no tensor \"embeddings\""));
  EXPECT_TRUE(
      contains(error({{"embeddings", ScalarType::f32, {6}, values_.data()}}), "1 dimensions"));
  EXPECT_TRUE(
      contains(error({{"embeddings", ScalarType::i32, {3, 2}, values_.data()}}), "type I32"));
  const std::vector<std::int32_t> types = {0, 1, -1};
  const TensorToWrite node_type = {"node_type", ScalarType::i32, {3}, types.data()};
  EXPECT_TRUE(contains(error({embeddings_, node_type}), "no names of types"));
  EXPECT_TRUE(contains(error({embeddings_, node_type}, {{"node_types", "3"}}), "no list"));
  EXPECT_TRUE(contains(error({embeddings_, node_type}, {{"node_types", "[1]"}}), "no list"));
  EXPECT_TRUE(contains(error({embeddings_, node_type}, {{"node_types", "["}}), "line 1"));
  EXPECT_TRUE(contains(error({embeddings_, node_type}, {{"node_types", R"(["a"])"}}),
                       "of node 1 is 1, and there are 1 types"));
  EXPECT_TRUE(contains(error({embeddings_, node_type}, {{"node_types", R"(["a","b"])"}}),
                       "of node 2 is -1"));
  EXPECT_TRUE(contains(error({embeddings_, {"node_type", ScalarType::i32, {2}, types.data()}},
                             {{"node_types", R"(["a","b"])"}}),
                       "shape [2], not [3]"));
}

TEST_F(SafetensorsTest, TextsThatCannotBeReadAreNamed) {
  const std::string bytes = "ab\xFF";
  const auto ids = [&](const std::vector<std::int64_t>& offsets) {
    return error({embeddings_,
                  {"node_ids.offsets",
                   ScalarType::i64,
                   {static_cast<std::int64_t>(offsets.size())},
                   offsets.data()},
                  {"node_ids.bytes", ScalarType::u8, {3}, bytes.data()}});
  };
  EXPECT_TRUE(contains(ids({0, 1, 2}), "shape [3], not [4]"));
  EXPECT_TRUE(contains(ids({0, 1, 2, 4}), "from 0 to 4 over 3 bytes"));
  EXPECT_TRUE(contains(ids({1, 1, 2, 3}), "from 1 to 3"));
  EXPECT_TRUE(contains(ids({0, 2, 1, 3}), "falls after node 1"));
  EXPECT_TRUE(contains(ids({0, 99, 1, 3}), "falls after node 0"));
  EXPECT_TRUE(contains(ids({0, -5, 1, 3}), "falls after node 0"));
  EXPECT_TRUE(contains(ids({0, 1, 2, 3}), "of node 2 is not UTF-8"));
}

// Every prefix of a file and every file with one byte changed is read or refused, and never
// crashes; a prefix is never read as the whole.
TEST(EmbeddingFile, DamagedFilesAreReadOrRefused) {
  const TemporaryFolder folder;
  for (const std::string& ending : kEndings) {
    SCOPED_TRACE(ending);
    const auto path = folder / ("e" + ending);
    write_embeddings(path, odd_ones());
    const std::string whole = read_text_file(path, ExitCode::data);
    const auto read = [&](const std::string& content) {
      put_file(path, content);
      try {
        return read_embeddings(path).nodes();
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::data) << error.what();
        return std::int64_t{0};
      }
    };
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const std::int64_t nodes = read(whole.substr(0, size));
      // The last row of a CSV may lose digits of its last number and its line end.
      const bool may_be_whole = ending == ".csv" && size + 16 > whole.size();
      EXPECT_TRUE(nodes < 5 || may_be_whole) << size;
    }
    for (std::size_t place = 0; place < whole.size(); ++place) {
      for (const char byte : {'\0', '"', ',', '9', '\n', '\xFF'}) {
        std::string changed = whole;
        changed[place] = byte;
        read(changed);
      }
    }
  }
}

}  // namespace
}  // namespace hgnn_moe::hgt

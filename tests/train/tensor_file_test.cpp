#include "hgnn_moe/train/tensor_file.h"

#include <cmath>
#include <limits>

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "tests/train/train_support.h"

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/hash.h"

namespace hgnn_moe {
namespace {

using Sentences = std::vector<std::string>;

SafetensorsFile open_file(const std::filesystem::path& path) {
  return SafetensorsFile(path, ExitCode::internal);
}

TEST(TensorFile, EveryFloatingTypeComesBackToTheBit) {
  const TemporaryFolder folder;
  for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16}) {
    const ParameterList saved = make_parameters(0.5, type);
    save_tensors(folder / "a.safetensors", saved, {});
    const SafetensorsFile file = open_file(folder / "a.safetensors");
    const ParameterList loaded = make_parameters(9, type);
    EXPECT_EQ(tensor_mismatches(file, loaded, TypeRule::same), Sentences{});
    copy_tensors(file, loaded);
    expect_same_values(loaded, saved);
    EXPECT_TRUE(loaded[0].tensor.requires_grad());
    EXPECT_TRUE(loaded[0].tensor.is_leaf());
  }
}

TEST(TensorFile, ScalarsEmptyAndStridedTensorsAreStored) {
  const TemporaryFolder folder;
  const at::Tensor transposed = at::arange(6, at::dtype(at::kFloat)).reshape({2, 3}).t();
  const ParameterList saved = {
      {"scalar", at::full({}, 2.5)}, {"empty", at::empty({0, 3})}, {"transposed", transposed}};
  save_tensors(folder / "a.safetensors", saved, {});
  const ParameterList loaded = {
      {"scalar", at::zeros({})}, {"empty", at::empty({0, 3})}, {"transposed", at::zeros({3, 2})}};
  copy_tensors(open_file(folder / "a.safetensors"), loaded);
  EXPECT_EQ(loaded[0].tensor.item<float>(), 2.5);
  EXPECT_TRUE(at::equal(loaded[2].tensor, transposed));
}

TEST(TensorFile, TheHashIsOfTheWholeFileAndEqualContentGivesEqualBytes) {
  const TemporaryFolder folder;
  const std::string first = save_tensors(folder / "a", make_parameters(), {{"k", "v"}});
  const std::string second = save_tensors(folder / "b", make_parameters(), {{"k", "v"}});
  EXPECT_EQ(first, second);
  EXPECT_EQ(first, xxh3_hex_of_file(folder / "a", ExitCode::internal));
  EXPECT_EQ(read_text_file(folder / "a", ExitCode::internal),
            read_text_file(folder / "b", ExitCode::internal));
  EXPECT_NE(first, save_tensors(folder / "c", make_parameters(0.1), {{"k", "v"}}));
}

TEST(TensorFile, TensorsAreInListOrder) {
  const TemporaryFolder folder;
  const ParameterList tensors = make_parameters();
  save_tensors(folder / "a", tensors, {});
  const SafetensorsFile file = open_file(folder / "a");
  ASSERT_EQ(file.entries().size(), tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(file.entries()[i].name, tensors[i].name);
  }
}

TEST(TensorFile, EveryMismatchIsNamed) {
  const TemporaryFolder folder;
  save_tensors(folder / "a",
               {{"shape", at::zeros({2, 3})},
                {"type", at::zeros({2}, at::kDouble)},
                {"extra", at::zeros({1})}},
               {});
  const SafetensorsFile file = open_file(folder / "a");
  const ParameterList model = {
      {"shape", at::zeros({3, 2})}, {"type", at::zeros({2})}, {"absent", at::zeros({1})}};
  EXPECT_EQ(tensor_mismatches(file, model, TypeRule::same),
            (Sentences{"shape: shape [2, 3] in the file, [3, 2] in the model",
                       "type: type F64 in the file, F32 in the model",
                       "absent: missing in the file", "extra: unknown to the model"}));
  EXPECT_EQ(tensor_mismatches(file, model, TypeRule::any_float),
            (Sentences{"shape: shape [2, 3] in the file, [3, 2] in the model",
                       "absent: missing in the file", "extra: unknown to the model"}));
}

TEST(TensorFile, IntegersAreNoWeights) {
  const TemporaryFolder folder;
  const std::int64_t data[2] = {1, 2};
  write_safetensors(folder / "a", {{"type", ScalarType::i64, {2}, data}}, {});
  EXPECT_EQ(
      tensor_mismatches(open_file(folder / "a"), {{"type", at::zeros({2})}}, TypeRule::any_float),
      Sentences{"type: type I64 in the file, F32 in the model"});
}

TEST(TensorFile, OtherTypesAreConvertedOnCopying) {
  const TemporaryFolder folder;
  save_tensors(folder / "a", {{"x", at::full({2}, 0.5, at::dtype(at::kDouble))}}, {});
  const ParameterList target = {{"x", at::zeros({2})}};
  copy_tensors(open_file(folder / "a"), target);
  EXPECT_EQ(target[0].tensor.scalar_type(), at::kFloat);
  EXPECT_EQ(target[0].tensor[1].item<float>(), 0.5);
}

TEST(FirstNotFinite, FindsOneValueOfAnyTypeAnywhere) {
  for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16}) {
    for (const double value : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
      ParameterList tensors = make_parameters(0, type);
      tensors.push_back({"empty", at::empty({0, 3}, type)});
      EXPECT_EQ(first_not_finite(tensors), nullptr);
      const c10::NoGradGuard no_grad;
      tensors[2].tensor.view(-1)[6].fill_(value);
      EXPECT_EQ(first_not_finite(tensors), &tensors[2]);
      tensors[0].tensor.view(-1)[0].fill_(value);
      EXPECT_EQ(first_not_finite(tensors), &tensors[0]);
    }
  }
}

// Their sum overflows, they do not.
TEST(FirstNotFinite, LargeValuesAreFinite) {
  const ParameterList tensors = {{"large", at::full({5}, std::numeric_limits<float>::max())}};
  EXPECT_EQ(first_not_finite(tensors), nullptr);
}

}  // namespace
}  // namespace hgnn_moe

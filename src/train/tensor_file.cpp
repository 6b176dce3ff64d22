#include "hgnn_moe/train/tensor_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include <ATen/Dispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

namespace hgnn_moe {
namespace {

ScalarType file_type(const NamedParameter& parameter) {
  switch (parameter.tensor.scalar_type()) {
    case at::kDouble:
      return ScalarType::f64;
    case at::kFloat:
      return ScalarType::f32;
    case at::kHalf:
      return ScalarType::f16;
    case at::kBFloat16:
      return ScalarType::bf16;
    default:
      HGNN_MOE_ASSERT(false, "{} is no floating-point tensor", parameter.name);
      return ScalarType::f32;
  }
}

bool is_float(ScalarType type) {
  return type == ScalarType::f64 || type == ScalarType::f32 || type == ScalarType::f16 ||
         type == ScalarType::bf16;
}

at::ScalarType tensor_type(ScalarType type) {
  switch (type) {
    case ScalarType::f64:
      return at::kDouble;
    case ScalarType::f32:
      return at::kFloat;
    case ScalarType::f16:
      return at::kHalf;
    case ScalarType::bf16:
      return at::kBFloat16;
    default:
      HGNN_MOE_ASSERT(false, "{} is no floating-point type", format_name(type));
      return at::kFloat;
  }
}

std::string shape_text(at::IntArrayRef shape) {
  return fmt::format("[{}]", fmt::join(shape.begin(), shape.end(), ", "));
}

}  // namespace

std::string save_tensors(const std::filesystem::path& path, const ParameterList& tensors,
                         const std::map<std::string, std::string>& metadata) {
  std::vector<at::Tensor> on_host;  // keeps copies alive while they are written
  std::vector<TensorToWrite> entries;
  for (const NamedParameter& parameter : tensors) {
    on_host.push_back(parameter.tensor.detach().cpu().contiguous());
    entries.push_back({parameter.name, file_type(parameter), parameter.tensor.sizes().vec(),
                       on_host.back().const_data_ptr()});
  }
  return write_safetensors(path, entries, metadata);
}

std::vector<std::string> tensor_mismatches(const SafetensorsFile& file,
                                           const ParameterList& expected, TypeRule rule) {
  std::vector<std::string> mismatches;
  std::set<std::string> known;
  for (const NamedParameter& parameter : expected) {
    known.insert(parameter.name);
    const TensorEntry* entry = file.find(parameter.name);
    if (entry == nullptr) {
      mismatches.push_back(fmt::format("{}: missing in the file", parameter.name));
      continue;
    }
    if (parameter.tensor.sizes() != at::IntArrayRef(entry->shape)) {
      mismatches.push_back(fmt::format("{}: shape {} in the file, {} in the model", parameter.name,
                                       shape_text(entry->shape),
                                       shape_text(parameter.tensor.sizes())));
    }
    const ScalarType wanted = file_type(parameter);
    if (rule == TypeRule::same ? entry->type != wanted : !is_float(entry->type)) {
      mismatches.push_back(fmt::format("{}: type {} in the file, {} in the model", parameter.name,
                                       format_name(entry->type), format_name(wanted)));
    }
  }
  for (const TensorEntry& entry : file.entries()) {
    if (known.count(entry.name) == 0) {
      mismatches.push_back(fmt::format("{}: unknown to the model", entry.name));
    }
  }
  return mismatches;
}

void copy_tensors(const SafetensorsFile& file, const ParameterList& targets) {
  const c10::NoGradGuard no_grad;
  for (const NamedParameter& target : targets) {
    const TensorEntry* entry = file.find(target.name);
    HGNN_MOE_ASSERT(entry != nullptr, "{} has no {}", file.path().string(), target.name);
    const at::Tensor values = at::empty(entry->shape, at::dtype(tensor_type(entry->type)));
    if (values.numel() > 0) {
      std::memcpy(values.mutable_data_ptr(), file.data(*entry), entry->end - entry->begin);
    }
    // A Tensor handle is shallow: a copy of it writes into the same storage.
    at::Tensor(target.tensor).copy_(values);
    file.release();
  }
}

// Not by at::isfinite: in a thread beside the one that trains it would start threads of its own,
// which take the cores of those that train, and memory for its results.
const NamedParameter* first_not_finite(const ParameterList& tensors) {
  for (const NamedParameter& entry : tensors) {
    const at::Tensor values = entry.tensor.detach().cpu().contiguous();
    const bool all_finite = AT_DISPATCH_FLOATING_TYPES_AND2(
        at::kHalf, at::kBFloat16, values.scalar_type(), "first_not_finite", [&] {
          const scalar_t* begin = values.const_data_ptr<scalar_t>();
          return std::all_of(begin, begin + values.numel(), [](scalar_t value) {
            return std::isfinite(static_cast<double>(value));
          });
        });
    if (!all_finite) return &entry;
  }
  return nullptr;
}

}  // namespace hgnn_moe

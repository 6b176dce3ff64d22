// Named tensors to and from safetensors files.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "hgnn_moe/base/safetensors.h"
#include "hgnn_moe/model/parameter_list.h"

namespace hgnn_moe {

// Writes `tensors` in list order from whatever device they are on. Returns the file's xxh3_hex.
// Throws Error(disk).
std::string save_tensors(const std::filesystem::path& path, const ParameterList& tensors,
                         const std::map<std::string, std::string>& metadata);

enum class TypeRule { same, any_float };

// A sentence for each way in which `file` is not a copy of `expected`: a tensor that is missing,
// unknown, of another shape, or of a type that `rule` does not allow.
std::vector<std::string> tensor_mismatches(const SafetensorsFile& file,
                                           const ParameterList& expected, TypeRule rule);

// Overwrites the values of `targets`, on any device, by those of `file`, in which
// tensor_mismatches has found none.
void copy_tensors(const SafetensorsFile& file, const ParameterList& targets);

// The first of `tensors`, on any device and of any floating type, with a value that is not finite;
// null where all are. Takes the calling thread alone.
const NamedParameter* first_not_finite(const ParameterList& tensors);

}  // namespace hgnn_moe

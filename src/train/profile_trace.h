// The Chrome trace of a profile.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "hgnn_moe/base/json.h"

namespace hgnn_moe {

// Writes what `save` writes to the path it is given, whole or not at all; with `has_device` its
// steps alone, see below. Throws Error(disk), also where `save` did not write all and did not say.
void write_trace(const std::filesystem::path& path,
                 const std::function<void(const std::string&)>& save, bool has_device);

// Takes out what a GPU and its driver did between the steps of a trace: an evaluation, a
// checkpoint. Operations there were not recorded in the first place.
void keep_steps_alone(Json& trace);

}  // namespace hgnn_moe

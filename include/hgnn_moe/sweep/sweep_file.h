// A sweep as its file states it (docs/sweeps.md): settings, what varies, and what is asked of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hgnn_moe/base/json.h"
#include "hgnn_moe/config/settings.h"
#include "hgnn_moe/sweep/condition.h"

namespace hgnn_moe {

// The places that a varied option, or the options of a zip side by side, go through.
using SweepAxis = std::vector<Settings>;

// One more run beside the axes.
struct SweepPoint {
  std::optional<std::string> name;
  Settings settings;
};

// A combination that meets all of `when` is left out unless it meets all of `then`.
struct SweepConstraint {
  Conditions when;
  Conditions then;
  std::string place;  // "FILE: constraints[0]"
};

struct SweepGroup {
  std::string name;  // "" in a file without groups
  Settings base;
  std::vector<SweepAxis> axes;  // their product; without axes and points the base alone is a run
  std::vector<SweepPoint> points;
  std::vector<SweepConstraint> constraints;
  std::vector<std::int64_t> seeds;           // none: that of the settings
  std::optional<Settings> match_parameters;  // over a run's settings: its reference
  std::optional<Settings> match_time;
};

struct SweepFile {
  std::string path;
  std::string description;
  std::vector<SweepGroup> groups;
  Json questions = Json::array();  // for the report, as they stand in the file
  Json expected = Json::array();
};

// Throws Error(usage) with everything that is wrong with the file, one sentence a line.
SweepFile read_sweep_file(const std::string& path);

}  // namespace hgnn_moe

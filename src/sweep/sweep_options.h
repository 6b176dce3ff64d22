// Option settings in a sweep file: what its runs have in common, and what varies between them.
#pragma once

#include <string>
#include <vector>

#include "hgnn_moe/base/json.h"
#include "hgnn_moe/config/error_list.h"
#include "hgnn_moe/config/settings.h"
#include "hgnn_moe/sweep/sweep_file.h"

namespace hgnn_moe {

// Of an object of options. Mistakes and options that no run of a sweep can be given go into
// `errors`, each sentence beginning with `where`.
Settings read_options(const Json& object, const std::string& where, ErrorList& errors);

// The same without the seed, which seeds vary.
Settings read_varied_options(const Json& object, const std::string& where, ErrorList& errors);

// "base": the path of a run's configuration, relative to `folder`, an object of options, or a list
// of both. Lays it over `settings`.
void read_base(const Json& base, const std::string& folder, const std::string& where,
               Settings& settings, ErrorList& errors);

// "grid": an axis an option.
std::vector<SweepAxis> read_grid(const Json& grid, const std::string& where, ErrorList& errors);

// "zip": one object or a list of them, an axis each.
std::vector<SweepAxis> read_zips(const Json& zip, const std::string& where, ErrorList& errors);

}  // namespace hgnn_moe

// JSON with errors a user can act on.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

// Keeps the order of keys, so that files we write read like the tables they come from.
using Json = nlohmann::ordered_json;

// Parses one JSON value. Malformed text, a key given twice in one object and nesting beyond 100
// levels throw Error(on_error) "SOURCE, line L, column C: ...", counted from 1, columns in
// characters. Comments are no JSON.
Json parse_json(std::string_view text, const std::string& source, ExitCode on_error);

// parse_json of a file, with its path as the source.
Json read_json_file(const std::filesystem::path& path, ExitCode on_error);

// null where there is none or it is not finite.
Json number_or_null(const std::optional<double>& value);

// `value` as text, on several lines where `indent` is not negative. Bytes of its texts that are no
// UTF-8, as names of files may hold and JSON may not, become U+FFFD.
std::string json_text(const Json& value, int indent = -1);

// `text` with U+FFFD in the place of bytes that are no UTF-8.
std::string valid_utf8(const std::string& text);

}  // namespace hgnn_moe

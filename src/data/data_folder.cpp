#include "hgnn_moe/data/data_folder.h"

#include <system_error>
#include <vector>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/json.h"

namespace hgnn_moe::data {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code ignored;  // what cannot be looked at is not there; opening it would say why
  return fs::exists(path, ignored);
}

// A whole number of at least `minimum`, or `not_given`.
std::int64_t read_number(const Json& info, const char* key, std::int64_t minimum,
                         std::int64_t not_given, const fs::path& source) {
  const auto entry = info.find(key);
  if (entry == info.end() || entry->is_null()) return not_given;
  // A value beyond 64 bits with a sign reads as a negative one here, and is refused as such.
  if (!entry->is_number_integer() || entry->get<std::int64_t>() < minimum) {
    fail(ExitCode::data, "{}: {} is {}, but must be a whole number of at least {}; correct it",
         source.string(), key, entry->dump(), minimum);
  }
  return entry->get<std::int64_t>();
}

std::optional<TokenType> read_dtype(const Json& info, const fs::path& source) {
  const auto entry = info.find("dtype");
  if (entry == info.end() || entry->is_null()) return std::nullopt;
  std::optional<TokenType> type;
  if (entry->is_string()) type = token_type_named(entry->get<std::string>());
  if (!type) {
    fail(ExitCode::data,
         "{}: dtype is {}, but must be one of uint8, int8, uint16, int16, uint32, int32 and int64; "
         "correct it",
         source.string(), entry->dump());
  }
  return type;
}

}  // namespace

DatasetInfo read_dataset_info(const fs::path& folder) {
  DatasetInfo result;
  const fs::path source = folder / "dataset.json";
  if (!is_there(source)) return result;
  const Json info = read_json_file(source, ExitCode::data);
  if (!info.is_object()) {
    fail(ExitCode::data, "{}: it holds {}, but must hold an object; prepare the data again",
         source.string(), info.type_name());
  }
  result.vocab_size = read_number(info, "vocab_size", 1, 0, source);
  result.end_of_text_id = read_number(info, "end_of_text_id", 0, -1, source);
  const auto name = info.find("name");
  if (name != info.end() && !name->is_null()) {
    if (!name->is_string()) {
      fail(ExitCode::data, "{}: name is {}, but must be a string; correct it", source.string(),
           name->dump());
    }
    result.name = name->get<std::string>();
  }
  result.dtype = read_dtype(info, source);
  result.is_prepared = result.dtype && info.contains("mode");
  return result;
}

std::optional<fs::path> find_token_file(const fs::path& folder, Split split) {
  const std::vector<const char*> names =
      split == Split::train ? std::vector{"train"} : std::vector{"eval", "val"};
  for (const char* name : names) {
    const fs::path stem = folder / name;
    const fs::path bin = fs::path(stem).replace_extension(".bin");
    if (is_there(bin) || is_indexed(bin)) return bin;
    const fs::path npy = fs::path(stem).replace_extension(".npy");
    if (is_there(npy)) return npy;
  }
  return std::nullopt;
}

bool is_indexed(const fs::path& token_file) {
  return token_file.extension() == ".bin" &&
         is_there(fs::path(token_file).replace_extension(".idx"));
}

}  // namespace hgnn_moe::data

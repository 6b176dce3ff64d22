#include "hgnn_moe/kg/load_graph.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/hash.h"
#include "hgnn_moe/base/text.h"
#include "hgnn_moe/kg/graph_cache.h"

namespace hgnn_moe::kg {
namespace {

namespace fs = std::filesystem;

constexpr const char* kKnownFiles =
    "kg.csv (PrimeKG), nodes.tsv with a .sif or .sif.gz (Hetionet), or train.txt or train.tsv "
    "with valid and test (triples)";

bool ends_in(const fs::path& path, std::string_view ending) {
  const std::string name = path.filename().string();
  return name.size() >= ending.size() &&
         name.compare(name.size() - ending.size(), ending.size(), ending) == 0;
}

bool is_sif(const fs::path& path) { return ends_in(path, ".sif") || ends_in(path, ".sif.gz"); }

std::vector<fs::path> sif_files_in(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (is_sif(entry.path())) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

GraphFiles hetionet_files(const fs::path& edges) {
  const fs::path nodes = edges.parent_path() / "nodes.tsv";
  if (!fs::is_regular_file(nodes)) {
    fail(ExitCode::data, "'{}' is missing beside {}; put Hetionet's table of nodes there",
         nodes.string(), edges.filename().string());
  }
  return {GraphFormat::hetionet, {nodes, edges}};
}

GraphFiles files_in_folder(const fs::path& folder) {
  if (fs::is_regular_file(folder / "kg.csv")) return {GraphFormat::primekg, {folder / "kg.csv"}};
  if (fs::is_regular_file(folder / "nodes.tsv")) {
    const std::vector<fs::path> edges = sif_files_in(folder);
    if (edges.size() == 1) return hetionet_files(edges.front());
    fail(ExitCode::data, "'{}' holds {} files .sif or .sif.gz beside nodes.tsv; name one of them",
         folder.string(), edges.size());
  }
  for (const char* ending : {".txt", ".tsv"}) {
    GraphFiles found{GraphFormat::triples, {}};
    for (const char* part : {"train", "valid", "test"}) {
      const fs::path file = folder / (std::string(part) + ending);
      if (fs::is_regular_file(file)) found.files.push_back(file);
    }
    if (fs::is_regular_file(folder / (std::string("train") + ending))) return found;
  }
  fail(ExitCode::data, "there is no graph in '{}': give a folder with {}", folder.string(),
       kKnownFiles);
}

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data), file.bytes().size};
}

std::string hash_of(GraphFormat format, const std::vector<MappedFile>& files) {
  Xxh3 hash;
  const int head[] = {kCacheVersion, static_cast<int>(format)};
  hash.update(head, sizeof(head));
  for (const MappedFile& file : files) {
    const std::uint64_t size = file.bytes().size;
    hash.update(&size, sizeof(size));
    hash.update(file.bytes().data, file.bytes().size);
  }
  return hash.hex();
}

std::vector<LoadedGraph> parse(GraphFormat format, const std::vector<MappedFile>& files) {
  std::vector<NamedText> texts;
  for (const MappedFile& file : files) texts.push_back({text_of(file), file.path().string()});
  switch (format) {
    case GraphFormat::primekg:
      return {read_primekg(texts[0])};
    case GraphFormat::hetionet:
      return {read_hetionet(texts[0], texts[1])};
    case GraphFormat::triples:
      break;
  }
  return read_triples(texts);
}

// The files may have other names than when the cache was made.
void name_reports(const GraphFiles& files, std::vector<LoadedGraph>& parts) {
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const bool is_part = files.format == GraphFormat::triples;
    parts[p].report.file = (is_part ? files.files[p] : files.files.back()).string();
  }
}

bool read_from(const fs::path& cache, LoadedFiles& loaded) {
  std::error_code ignored;  // what cannot be looked at is not there
  if (!fs::exists(cache, ignored)) return false;
  try {
    loaded.parts = read_cache(cache, loaded.content_hash);
    loaded.from_cache = true;
  } catch (const Error& error) {
    loaded.notes.push_back(fmt::format("making the cache again: {}", error.what()));
  }
  return loaded.from_cache;
}

void write_to(const fs::path& cache, LoadedFiles& loaded) {
  try {
    hgnn_moe::create_directories(cache.parent_path());
    write_cache(cache, loaded.content_hash, loaded.parts);
  } catch (const Error& error) {
    if (error.code() != ExitCode::disk) throw;
    loaded.notes.push_back(fmt::format("the graph is not cached: {}", error.what()));
  }
}

GraphFiles files_of(const fs::path& path) {
  if (fs::is_directory(path)) return files_in_folder(path);
  if (!fs::exists(path)) {
    fail(ExitCode::data, "there is no '{}'; give a graph's file or folder", path.string());
  }
  // It has three columns, as triples have, but nobody means it as such.
  if (path.filename() == "nodes.tsv") return files_in_folder(fs::absolute(path).parent_path());
  if (ends_in(path, ".csv")) return {GraphFormat::primekg, {path}};
  if (is_sif(path)) return hetionet_files(path);
  if (ends_in(path, ".txt") || ends_in(path, ".tsv")) return {GraphFormat::triples, {path}};
  fail(ExitCode::data,
       "'{}' is of no known kind; give a .csv, .sif, .sif.gz, .txt or .tsv, or a "
       "folder with {}",
       path.string(), kKnownFiles);
}

}  // namespace

GraphFiles find_graph_files(const fs::path& path) {
  try {
    return files_of(path);
  } catch (const fs::filesystem_error& error) {
    fail(ExitCode::data, "cannot look into '{}': {}; check its permissions", path.string(),
         error.code().message());
  }
}

LoadedFiles load_graph(const GraphFiles& files, const std::optional<fs::path>& cache_folder) {
  std::vector<MappedFile> mapped;
  for (const fs::path& file : files.files) mapped.emplace_back(file, ExitCode::data);
  LoadedFiles loaded;
  loaded.content_hash = hash_of(files.format, mapped);
  const fs::path cache =
      cache_folder.value_or("") / fmt::format("graph-{}.safetensors", loaded.content_hash);
  if (!cache_folder || !read_from(cache, loaded)) {
    loaded.parts = parse(files.format, mapped);
    if (cache_folder) write_to(cache, loaded);
  }
  name_reports(files, loaded.parts);
  return loaded;
}

}  // namespace hgnn_moe::kg

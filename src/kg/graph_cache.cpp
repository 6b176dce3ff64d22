#include "hgnn_moe/kg/graph_cache.h"

#include <cstring>
#include <memory>
#include <utility>

#include "hgnn_moe/base/hash.h"
#include "hgnn_moe/base/json.h"
#include "hgnn_moe/base/safetensors.h"

namespace hgnn_moe::kg {
namespace {

// Edges are written as pairs of I32, as they are in memory.
static_assert(sizeof(Edge) == 2 * sizeof(std::int32_t) && alignof(Edge) == alignof(std::int32_t));

std::string edges_name(std::size_t part, std::size_t relation) {
  return fmt::format("edges.{}.{}", part, relation);
}

Json describe(const NodeType& type) {
  Json json;
  json["name"] = type.name;
  json["first"] = type.first;
  json["count"] = type.count;
  return json;
}

Json describe(const Relation& relation) {
  Json json;
  json["head_type"] = relation.head_type;
  json["name"] = relation.name;
  json["tail_type"] = relation.tail_type;
  json["direction"] = static_cast<int>(relation.direction);
  json["reverse"] = relation.reverse;
  return json;
}

Json describe(const std::vector<LoadedGraph>& parts) {
  const Graph& graph = parts.front().graph;
  Json json;
  json["node_types"] = Json::array();
  for (const NodeType& type : graph.node_types) json["node_types"].push_back(describe(type));
  json["sources"] = graph.sources;
  json["relations"] = Json::array();
  for (const Relation& one : graph.relations) json["relations"].push_back(describe(one));
  json["reports"] = Json::array();
  for (const LoadedGraph& part : parts) json["reports"].push_back(to_json(part.report));
  return json;
}

template <typename T>
TensorToWrite row(const std::string& name, ScalarType type, const SharedArray<T>& array) {
  return {name, type, {static_cast<std::int64_t>(array.size())}, array.data()};
}

// Wide elements first: then each lies at a multiple of its size.
std::vector<TensorToWrite> tensors_of(const std::vector<LoadedGraph>& parts) {
  const Graph& graph = parts.front().graph;
  std::vector<TensorToWrite> tensors = {
      row("node_ids.offsets", ScalarType::i64, graph.node_ids.offsets),
      row("node_names.offsets", ScalarType::i64, graph.node_names.offsets),
      row("node_sources", ScalarType::i32, graph.node_sources)};
  for (std::size_t p = 0; p < parts.size(); ++p) {
    for (std::size_t r = 0; r < graph.relations.size(); ++r) {
      const SharedArray<Edge>& edges = parts[p].graph.relations[r].edges;
      tensors.push_back({edges_name(p, r),
                         ScalarType::i32,
                         {static_cast<std::int64_t>(edges.size()), 2},
                         edges.data()});
    }
  }
  tensors.push_back(row("node_ids.bytes", ScalarType::u8, graph.node_ids.bytes));
  tensors.push_back(row("node_names.bytes", ScalarType::u8, graph.node_names.bytes));
  return tensors;
}

// Texts go in with their lengths, so that moving a byte from one to the next changes the sum.
void add_text(Xxh3& hash, const std::string& text) {
  const std::uint64_t size = text.size();
  hash.update(&size, sizeof(size));
  hash.update(text.data(), text.size());
}

class CacheReader {
 public:
  CacheReader(const std::filesystem::path& path, const std::string& key)
      : file_(std::make_shared<const SafetensorsFile>(path, ExitCode::data)) {
    if (metadata("version") != std::to_string(kCacheVersion)) {
      reject("it is of version {}, not {}", metadata("version"), kCacheVersion);
    }
    if (metadata("key") != key) reject("it was made from other files");
    Xxh3 hash;
    add_text(hash, metadata("graph"));
    for (const TensorEntry& entry : file_->entries()) {
      add_text(hash, entry.name);
      hash.update(file_->data(entry), entry.end - entry.begin);
    }
    if (metadata("checksum") != hash.hex()) reject("its checksum is wrong");
  }

  std::vector<LoadedGraph> read() const {
    try {
      return read_parts();
    } catch (const Json::exception& error) {
      reject("its description cannot be read ({})", error.what());
    }
  }

 private:
  template <typename... Args>
  [[noreturn]] void reject(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ExitCode::data, "the cache '{}' cannot be used: {}; remove it", file_->path().string(),
         fmt::format(format, std::forward<Args>(args)...));
  }

  std::string metadata(const std::string& name) const {
    const auto found = file_->metadata().find(name);
    return found == file_->metadata().end() ? "" : found->second;
  }

  // Elements of T, `size` numbers of the file each.
  template <typename T>
  SharedArray<T> array(const std::string& name, ScalarType type) const {
    const TensorEntry* entry = file_->find(name);
    if (entry == nullptr || entry->type != type || (entry->end - entry->begin) % sizeof(T) != 0) {
      reject("it lacks {}", name);
    }
    const std::byte* data = file_->data(*entry);
    if (reinterpret_cast<std::uintptr_t>(data) % alignof(T) != 0) reject("{} is unaligned", name);
    return {file_, reinterpret_cast<const T*>(data), (entry->end - entry->begin) / sizeof(T)};
  }

  Graph read_shell(const Json& json) const {
    Graph graph;
    for (const Json& type : json.at("node_types")) {
      graph.node_types.push_back({type.at("name"), type.at("first"), type.at("count")});
    }
    json.at("sources").get_to(graph.sources);
    for (const Json& relation : json.at("relations")) {
      graph.relations.push_back({relation.at("head_type"),
                                 relation.at("name"),
                                 relation.at("tail_type"),
                                 static_cast<Direction>(relation.at("direction").get<int>()),
                                 relation.at("reverse"),
                                 {}});
    }
    graph.node_sources = array<std::int32_t>("node_sources", ScalarType::i32);
    graph.node_ids = {array<std::int64_t>("node_ids.offsets", ScalarType::i64),
                      array<char>("node_ids.bytes", ScalarType::u8)};
    graph.node_names = {array<std::int64_t>("node_names.offsets", ScalarType::i64),
                        array<char>("node_names.bytes", ScalarType::u8)};
    return graph;
  }

  std::vector<LoadedGraph> read_parts() const {
    const Json json = Json::parse(metadata("graph"));
    const Graph shell = read_shell(json);
    std::vector<LoadedGraph> parts;
    for (const Json& report : json.at("reports")) {
      LoadedGraph& part = parts.emplace_back(LoadedGraph{shell, report_from_json(report)});
      for (std::size_t r = 0; r < shell.relations.size(); ++r) {
        part.graph.relations[r].edges =
            array<Edge>(edges_name(parts.size() - 1, r), ScalarType::i32);
      }
      const std::string fault = find_fault(part.graph);
      if (!fault.empty()) reject("{}", fault);
    }
    return parts;
  }

  std::shared_ptr<const SafetensorsFile> file_;
};

}  // namespace

void write_cache(const std::filesystem::path& path, const std::string& key,
                 const std::vector<LoadedGraph>& parts) {
  HGNN_MOE_ASSERT(!parts.empty(), "no graph for {}", path.string());
  const std::string graph = describe(parts).dump();
  const std::vector<TensorToWrite> tensors = tensors_of(parts);
  Xxh3 hash;
  add_text(hash, graph);
  for (const TensorToWrite& tensor : tensors) {
    add_text(hash, tensor.name);
    std::size_t bytes = element_size(tensor.type);
    for (const std::int64_t extent : tensor.shape) bytes *= static_cast<std::size_t>(extent);
    hash.update(tensor.data, bytes);
  }
  write_safetensors(path, tensors,
                    {{"version", std::to_string(kCacheVersion)},
                     {"key", key},
                     {"graph", graph},
                     {"checksum", hash.hex()}});
}

std::vector<LoadedGraph> read_cache(const std::filesystem::path& path, const std::string& key) {
  return CacheReader(path, key).read();
}

}  // namespace hgnn_moe::kg

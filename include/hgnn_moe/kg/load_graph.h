// From a path to a graph: which format, which files, and the cache.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hgnn_moe/kg/readers.h"

namespace hgnn_moe::kg {

enum class GraphFormat { primekg, hetionet, triples };

struct GraphFiles {
  GraphFormat format = GraphFormat::primekg;
  // primekg: the CSV; hetionet: nodes, edges; triples: train, then valid and test where they are.
  std::vector<std::filesystem::path> files;
};

// A folder with kg.csv (primekg), with nodes.tsv and one .sif or .sif.gz (hetionet), or with
// train.txt or train.tsv and valid and test of the same kind (triples); or a file: .csv, .sif or
// .sif.gz with nodes.tsv beside it, .txt or .tsv. Throws Error(data) for anything else.
GraphFiles find_graph_files(const std::filesystem::path& path);

struct LoadedFiles {
  std::vector<LoadedGraph> parts;  // one, or one for each file of triples
  std::string content_hash;        // of the files
  bool from_cache = false;
  std::vector<std::string> notes;  // for the log
};

// Reads the files, or the cache of them in `cache_folder`: graph-HASH.safetensors, named by the
// hash of what the files hold, which is computed each time. A cache that cannot be used is replaced
// and one that cannot be written does without, both with a note. Throws Error(data) where the files
// cannot be read.
LoadedFiles load_graph(const GraphFiles& files,
                       const std::optional<std::filesystem::path>& cache_folder);

}  // namespace hgnn_moe::kg

// Embeddings that are written and judged.
#pragma once

#include <cstdint>
#include <filesystem>

#include <spdlog/logger.h>

#include "hgnn_moe/hgt/embedding_file.h"
#include "hgnn_moe/hgt/embedding_verdict.h"

namespace hgnn_moe::hgt {

// Writes a file as write_embeddings does, and says in the log what it holds and whether it has
// collapsed, as a warning where it is not good. `seed` is that of the report.
Grade write_judged(const std::filesystem::path& path, const Embeddings& embeddings,
                   std::int64_t seed, spdlog::logger& log);

}  // namespace hgnn_moe::hgt

// The run's log: lines for the user on standard error, all of them with dates in a file.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include <spdlog/logger.h>

namespace hgnn_moe {

// A logger of its own, not registered anywhere: whoever logs is handed it. With `quiet`, standard
// error gets warnings and errors only; `log_file`, where given, always gets everything and is
// appended to. Every line is flushed, so that a killed process leaves a complete log. Throws
// Error(disk) where the file cannot be opened.
std::shared_ptr<spdlog::logger> make_logger(bool quiet,
                                            const std::optional<std::filesystem::path>& log_file);

}  // namespace hgnn_moe

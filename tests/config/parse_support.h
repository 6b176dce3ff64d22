// Command lines and configuration files for tests.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hgnn_moe/config/train_options.h"

namespace hgnn_moe {

inline std::vector<const char*> argv_of(const std::vector<std::string>& arguments) {
  std::vector<const char*> argv = {"hgnn_moe_train"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  return argv;
}

inline ParsedConfig parse(const std::vector<std::string>& arguments) {
  const std::vector<const char*> argv = argv_of(arguments);
  return parse_command_line(static_cast<int>(argv.size()), argv.data());
}

// What parse() complains about, a sentence a line; empty where it does not.
inline std::string errors_of(const std::vector<std::string>& arguments) {
  try {
    parse(arguments);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    return error.what();
  }
}

inline std::string provenance_of(const ParsedConfig& parsed, const std::string& key) {
  for (const auto& [name, source] : parsed.provenance) {
    if (name == key) return source;
  }
  return "no such key";
}

// A folder of configuration files, removed at the end of the test.
class ConfigFolder {
 public:
  ConfigFolder() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::path(testing::TempDir()) /
            (std::string("config_") + test->test_suite_name() + "_" + test->name());
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~ConfigFolder() { std::filesystem::remove_all(path_); }
  ConfigFolder(const ConfigFolder&) = delete;
  ConfigFolder& operator=(const ConfigFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  // Writes a file and returns its path.
  std::string write(const std::string& name, const std::string& content) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << content;
    return file.string();
  }

 private:
  std::filesystem::path path_;
};

}  // namespace hgnn_moe

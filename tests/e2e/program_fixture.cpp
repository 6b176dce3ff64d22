#include "tests/e2e/program_fixture.h"

#include <algorithm>
#include <sstream>

namespace hgnn_moe::e2e {

void Flags::set(const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    const auto same = [&](const Entry& other) { return other.first == entry.first; };
    const auto found = std::find_if(entries_.begin(), entries_.end(), same);
    if (found == entries_.end()) {
      entries_.push_back(entry);
    } else {
      *found = entry;
    }
  }
}

Flags Flags::with(const Flags& changes) const {
  Flags result = *this;
  result.set(changes.entries_);
  return result;
}

Flags Flags::without(const std::string& name) const {
  Flags result = *this;
  auto& entries = result.entries_;
  entries.erase(std::remove_if(entries.begin(), entries.end(),
                               [&](const Entry& entry) { return entry.first == name; }),
                entries.end());
  return result;
}

std::vector<std::string> Flags::arguments() const {
  std::vector<std::string> arguments;
  for (const auto& [name, value] : entries_) {
    arguments.push_back("--" + name);
    if (!value.empty()) arguments.push_back(value);
  }
  return arguments;
}

Flags tiny() {
  return {{"embed_dim", "16"},  {"num_layers", "1"},       {"num_heads", "2"},
          {"num_experts", "2"}, {"max_seq_length", "16"},  {"threads", "1"},
          {"batch_size", "4"},  {"num_eval_samples", "4"}, {"checkpoint_dir", "runs"},
          {"run_name", "run"}};
}

Flags tiny_synthetic() {
  return tiny().with({{"synthetic_data", ""}, {"vocab_size", std::to_string(kVocabSize)}});
}

std::vector<data::testing::Document> make_documents(std::int64_t count, std::int64_t seed) {
  std::vector<data::testing::Document> documents;
  std::uint64_t state = static_cast<std::uint64_t>(seed);
  const auto random_below = [&state](std::int64_t limit) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::int64_t>(state >> 33) % limit;
  };
  for (std::int64_t d = 0; d < count; ++d) {
    data::testing::Document document;
    std::int64_t id = random_below(kEndOfText);
    for (std::int64_t length = 2 + random_below(23); length > 0; --length) {
      document.push_back(id);
      id = random_below(4) == 0 ? random_below(kEndOfText) : (5 * id + 3) % kEndOfText;
    }
    documents.push_back(document);
  }
  return documents;
}

void write_dataset(const fs::path& folder, const std::vector<data::testing::Document>& train,
                   const std::vector<data::testing::Document>& eval) {
  fs::create_directories(folder);
  data::testing::write_indexed(folder, "train", train);
  data::testing::write_indexed(folder, "eval", eval);
  const Json info = {{"vocab_size", kVocabSize}, {"end_of_text_id", kEndOfText}};
  data::testing::write_bytes(folder / "dataset.json", info.dump());
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + part.size())) {
    ++count;
  }
  return count;
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void expect_success(const ProcessResult& result) {
  EXPECT_EQ(result.signal, 0) << result.err;
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

void expect_failure(const ProcessResult& result, ExitCode code,
                    const std::vector<std::string>& fragments) {
  EXPECT_EQ(result.signal, 0) << result.err;
  EXPECT_EQ(result.exit_code, static_cast<int>(code)) << result.err;
  EXPECT_EQ(result.out, "");
  const std::size_t start = result.err.rfind("hgnn_moe_train: ");
  ASSERT_NE(start, std::string::npos) << result.err;
  const std::string message = result.err.substr(start);
  for (const std::string& fragment : fragments) {
    EXPECT_TRUE(contains(message, fragment)) << "\"" << fragment << "\" is not in: " << message;
  }
}

Json read_json(const fs::path& path) {
  return parse_json(data::testing::read_bytes(path), path.string(), ExitCode::internal);
}

std::vector<Json> read_metrics(const fs::path& run) {
  std::vector<Json> lines;
  std::istringstream text(data::testing::read_bytes(run / "metrics.jsonl"));
  for (std::string line; std::getline(text, line);) {
    lines.push_back(parse_json(line, "metrics.jsonl", ExitCode::internal));
  }
  return lines;
}

std::vector<Json> read_events(const fs::path& run, const std::string& event) {
  std::vector<Json> lines = read_metrics(run);
  lines.erase(std::remove_if(lines.begin(), lines.end(),
                             [&](const Json& line) { return line.at("event") != event; }),
              lines.end());
  return lines;
}

std::vector<double> read_series(const fs::path& run, const std::string& event,
                                const std::string& field) {
  std::vector<double> values;
  for (const Json& line : read_events(run, event)) values.push_back(line.at(field).get<double>());
  return values;
}

Json without_measurements(Json line) {
  const auto is_measurement = [](const std::string& name) {
    const auto ends_with = [&](const std::string& suffix) {
      return name.size() >= suffix.size() &&
             name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
    };
    return ends_with("_ms") || ends_with("_per_s") || ends_with("memory_bytes") ||
           name == "startup_seconds" || name == "mfu" || name == "gpu_utilisation";
  };
  Json rest = Json::object();
  for (const auto& [name, value] : line.items()) {
    if (!is_measurement(name)) rest[name] = value;
  }
  return rest;
}

fs::path checkpoint_of(const fs::path& run, const std::string& pointer) {
  std::istringstream line(data::testing::read_bytes(run / "checkpoints" / pointer));
  std::string name;
  line >> name;
  return run / "checkpoints" / name;
}

std::vector<std::pair<std::string, std::string>> snapshot(const fs::path& folder) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    files.emplace_back(entry.path().lexically_relative(folder).string(),
                       data::testing::read_bytes(entry.path()));
  }
  std::sort(files.begin(), files.end());
  return files;
}

void expect_same_metrics(const fs::path& expected, const fs::path& found) {
  const std::vector<Json> expected_lines = read_metrics(expected);
  const std::vector<Json> found_lines = read_metrics(found);
  ASSERT_EQ(expected_lines.size(), found_lines.size());
  ASSERT_FALSE(expected_lines.empty());
  for (std::size_t i = 0; i < expected_lines.size(); ++i) {
    ASSERT_EQ(without_measurements(expected_lines[i]), without_measurements(found_lines[i]))
        << "line " << i + 1;
  }
}

void expect_same_run(const fs::path& expected, const fs::path& found) {
  EXPECT_EQ(names_in(expected), names_in(found));
  ASSERT_EQ(names_in(expected / "checkpoints"), names_in(found / "checkpoints"));
  for (const auto& entry : fs::directory_iterator(expected / "checkpoints")) {
    const fs::path name = fs::path("checkpoints") / entry.path().filename();
    const std::vector<std::string> files =
        entry.is_directory()
            ? std::vector<std::string>{"model.safetensors", "optimizer.safetensors"}
            : std::vector<std::string>{""};
    for (const std::string& file : files) {
      const fs::path relative = file.empty() ? name : name / file;
      const std::string bytes = data::testing::read_bytes(expected / relative);
      EXPECT_FALSE(bytes.empty()) << relative;
      // Not EXPECT_EQ, which would print them.
      EXPECT_TRUE(bytes == data::testing::read_bytes(found / relative)) << relative << " differs";
    }
  }
  expect_same_metrics(expected, found);
  Json expected_summary = without_measurements(read_json(expected / "run_summary.json"));
  Json found_summary = without_measurements(read_json(found / "run_summary.json"));
  expected_summary.erase("seconds");
  found_summary.erase("seconds");
  EXPECT_EQ(expected_summary, found_summary);
}

std::string ProgramTest::program() { return std::string(HGNN_MOE_BIN_DIR) + "/hgnn_moe_train"; }

ProcessOptions ProgramTest::in_folder(ProcessOptions options) const {
  if (options.folder.empty()) options.folder = folder();
  options.environment.emplace("HGNN_MOE_DATA", "");  // not the user's
  // Tests run beside each other: OpenMP threads that wait by spinning would take the cores that
  // the others, and their own second thread, compute on.
  options.environment.emplace("OMP_WAIT_POLICY", "passive");
  return options;
}

ProcessResult ProgramTest::run(const std::vector<std::string>& arguments,
                               ProcessOptions options) const {
  std::vector<std::string> command = {program()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run_process(command, in_folder(std::move(options)));
}

ProcessResult ProgramTest::run(const Flags& flags, ProcessOptions options) const {
  return run(flags.arguments(), std::move(options));
}

std::unique_ptr<Process> ProgramTest::start(const Flags& flags) const {
  std::vector<std::string> command = {program()};
  const std::vector<std::string> arguments = flags.arguments();
  command.insert(command.end(), arguments.begin(), arguments.end());
  return std::make_unique<Process>(command, in_folder({}));
}

}  // namespace hgnn_moe::e2e

// generate_graph: writes a generated knowledge graph in the format of PrimeKG's kg.csv.

#include <charconv>
#include <exception>
#include <iostream>
#include <string_view>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"
#include "hgnn_moe/kg/generate.h"

namespace {

using hgnn_moe::ExitCode;

constexpr const char* kUsage =
    "Usage: generate_graph mechanism|primekg FILE [SEED]\n"
    "Writes a generated graph as FILE: `mechanism` is the quick start's, where drugs treat what "
    "their targets cause;\n`primekg` has PrimeKG's sizes (8.1 million rows, 0.9 GB).\n";

std::uint64_t parse_seed(std::string_view text) {
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc() || end != text.data() + text.size()) {
    hgnn_moe::fail(ExitCode::usage, "the seed '{}' is no whole number; give one from 0 on", text);
  }
  return seed;
}

void run(std::string_view shape, const char* path, std::uint64_t seed) {
  if (shape != "mechanism" && shape != "primekg") {
    hgnn_moe::fail(ExitCode::usage, "'{}' is no kind of graph; give mechanism or primekg", shape);
  }
  hgnn_moe::AtomicFile file(path);
  const auto write = [&](std::string_view piece) { file.write(piece.data(), piece.size()); };
  if (shape == "mechanism") {
    hgnn_moe::kg::generate_mechanism({}, seed, write);
  } else {
    hgnn_moe::kg::generate_primekg(1.0, seed, write);
  }
  file.commit();
}

}  // namespace

int main(int argc, char** argv) {
  const bool wants_help = argc == 2 && std::string_view(argv[1]) == "--help";
  if (wants_help) {
    std::cout << kUsage;
    return static_cast<int>(ExitCode::ok);
  }
  if (argc != 3 && argc != 4) {
    std::cerr << kUsage;
    return static_cast<int>(ExitCode::usage);
  }
  try {
    run(argv[1], argv[2], argc == 4 ? parse_seed(argv[3]) : 42);
  } catch (const hgnn_moe::Error& error) {
    std::cerr << "generate_graph: " << error.what() << '\n';
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::cerr << "generate_graph: " << error.what() << '\n';
    return static_cast<int>(ExitCode::internal);
  }
  return static_cast<int>(ExitCode::ok);
}

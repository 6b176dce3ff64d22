#include "hgnn_moe/config/commands.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/config/parse_support.h"

namespace hgnn_moe {
namespace {

struct Kitchen {
  std::int64_t eggs = 2;
  double salt = 0.5;
  std::string dish;
  bool hot = true;
};

const std::vector<Command> kCommands = {{"fry", "fries eggs", "dish"}, {"boil", "boils eggs", ""}};

std::vector<OptionSpec> specs() {
  OptionTable<Kitchen> table;
  table.group("All");
  table.integer("eggs", &Kitchen::eggs, {1, 9}, "how many");
  table.group("Taste");
  table.commands({"fry"});
  table.real("salt", &Kitchen::salt, {}, "grams");
  table.text("dish", &Kitchen::dish, {"DISH", "a dish", [](const std::string&) { return true; }},
             "what it becomes", "none");
  table.commands({"fry", "boil"});
  table.boolean("hot", &Kitchen::hot, "serve it hot");
  return table.specs();
}

struct Read {
  Settings settings;
  std::string errors;
};

Read read(const std::vector<std::string>& arguments) {
  const std::vector<const char*> argv = argv_of(arguments);
  const auto argc = static_cast<int>(argv.size());
  ErrorList errors;
  const Command& command = find_command(kCommands, argc, argv.data());
  Read read{read_command_input(specs(), command, argc, argv.data(), errors).settings, ""};
  try {
    errors.throw_if_any();
  } catch (const Error& error) {
    read.errors = error.what();
  }
  return read;
}

std::string command_error(const std::vector<std::string>& arguments) {
  try {
    const std::vector<const char*> argv = argv_of(arguments);
    find_command(kCommands, static_cast<int>(argv.size()), argv.data());
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    return error.what();
  }
  return "";
}

TEST(Commands, HaveTheirOptions) {
  const auto names = [](const std::string& command) {
    std::vector<std::string> names;
    for (const OptionSpec& spec : options_of(specs(), command)) names.push_back(spec.name);
    return names;
  };
  EXPECT_EQ(names("fry"), (std::vector<std::string>{"eggs", "salt", "dish", "hot"}));
  EXPECT_EQ(names("boil"), (std::vector<std::string>{"eggs", "hot"}));
}

TEST(Commands, AreFoundByName) {
  EXPECT_EQ(command_error({"boil"}), "");
  EXPECT_EQ(command_error({}), "no command is given; begin with fry, boil (--help describes them)");
  EXPECT_EQ(command_error({"biol"}), "'biol' is no command; did you mean boil?");
  EXPECT_EQ(command_error({"--eggs"}),
            "'--eggs' is no command; begin with fry, boil (--help describes them)");
}

TEST(Commands, TakeOneArgumentWithoutAFlag) {
  const Read found = read({"fry", "--eggs", "3", "omelette", "--no_hot"});
  EXPECT_EQ(found.errors, "");
  EXPECT_EQ(found.settings.at("dish").value, "omelette");
  EXPECT_EQ(found.settings.at("dish").source, "flag");
  EXPECT_EQ(found.settings.at("eggs").value, 3);
  EXPECT_EQ(found.settings.at("hot").value, false);
  EXPECT_EQ(read({"fry", "a=b c"}).settings.at("dish").value, "a=b c");
  EXPECT_EQ(read({"fry", "one", "two"}).errors, "dish is set twice; keep one of them");
  EXPECT_EQ(read({"fry", "one", "--dish", "two"}).errors, "dish is set twice; keep one of them");
  EXPECT_EQ(read({"fry", ""}).errors, "--dish is \"\"; give a dish");
  EXPECT_NE(read({"fry", "-x"}).errors.find("'-x' belongs to no flag"), std::string::npos);
  EXPECT_NE(read({"boil", "omelette"}).errors.find("'omelette' belongs to no flag"),
            std::string::npos);
}

TEST(Commands, HaveNoUseForTheOptionsOfOthers) {
  const Read found = read({"boil", "--salt", "1", "--eggs", "3"});
  EXPECT_EQ(found.errors, "boil has no use for salt (flag); leave it out, it is an option of fry");
  EXPECT_EQ(found.settings.count("salt"), 0u);
  EXPECT_EQ(found.settings.count("eggs"), 1u);
}

TEST(Commands, HaveNoUseForTheKeysOfOthersInFiles) {
  const ConfigFolder folder;
  const std::string path = folder.write("a.json", R"({"salt": 1, "eggs": 99, "hot": false})");
  const std::string errors = read({"boil", "--config", path}).errors;
  EXPECT_NE(errors.find("boil has no use for salt (file " + path + ")"), std::string::npos);
  EXPECT_NE(errors.find("eggs is 99"), std::string::npos) << "errors are told together";
}

}  // namespace
}  // namespace hgnn_moe

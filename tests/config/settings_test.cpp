#include "hgnn_moe/config/settings.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/config/parse_support.h"

namespace hgnn_moe {
namespace {

TEST(Settings, BothSpellingsOfAValue) {
  EXPECT_EQ(parse({"--embed_dim", "128"}).config.embed_dim, 128);
  EXPECT_EQ(parse({"--embed_dim=128"}).config.embed_dim, 128);
  EXPECT_EQ(parse({"--run_name=a=b"}).config.run_name, "a=b");
}

TEST(Settings, NegativeNumbersAreValues) {
  EXPECT_EQ(parse({"--num_train_samples", "-1"}).config.num_train_samples, -1);
  EXPECT_EQ(parse({"--num_train_samples=-1"}).config.num_train_samples, -1);
  EXPECT_NE(errors_of({"--learning_rate", "-5e-4"}).find("\"-5e-4\""), std::string::npos);
}

TEST(Settings, BooleansArePairs) {
  EXPECT_FALSE(parse({}).config.quiet);
  EXPECT_TRUE(parse({"--quiet"}).config.quiet);
  EXPECT_FALSE(parse({"--no_quiet"}).config.quiet);
  EXPECT_FALSE(parse({"--no_shuffle"}).config.shuffle);
  EXPECT_EQ(errors_of({"--quiet=true"}),
            "--quiet takes no value but has 'true'; write --quiet or --no_quiet alone");
  EXPECT_NE(errors_of({"--quiet", "true"}).find("'true' belongs to no flag"), std::string::npos);
}

TEST(Settings, VeryLongAndOddValuesAreRead) {
  std::string ids = "1";
  for (int i = 0; i < 100000; ++i) ids += ",23";
  EXPECT_EQ(parse({"--sample_ids=" + ids}).config.sample_ids, ids);
  EXPECT_EQ(parse({"--data_dir", "a b*'\""}).config.data_dir, "a b*'\"");
  EXPECT_EQ(parse({"--data_dir=--a=b"}).config.data_dir, "--a=b");
  EXPECT_EQ(errors_of({"--data_dir=two\nlines"}).find("--data_dir is \"two\\nlines\""), 0u);
}

TEST(Settings, UnknownFlags) {
  EXPECT_EQ(errors_of({"--embed_dmi", "5"}),
            "there is no flag --embed_dmi; did you mean --embed_dim?");
  EXPECT_EQ(errors_of({"--no_shufle"}), "there is no flag --no_shufle; did you mean --no_shuffle?");
  EXPECT_EQ(errors_of({"--utterly_different=5"}),
            "there is no flag --utterly_different; --help lists all of them");
}

TEST(Settings, AbbreviationsAreNotAccepted) {
  EXPECT_NE(errors_of({"--embed", "5"}).find("there is no flag --embed"), std::string::npos);
  EXPECT_NE(errors_of({"--no_num_layers"}).find("there is no flag"), std::string::npos);
  EXPECT_NE(errors_of({"--no_config"}).find("there is no flag"), std::string::npos);
}

TEST(Settings, OnlyFlagsAreArguments) {
  for (const char* argument : {"train", "-x", "-", "5"}) {
    const std::string errors = errors_of({argument});
    EXPECT_EQ(errors.find(std::string("the argument '") + argument + "' belongs to no flag"), 0u);
  }
  EXPECT_NE(errors_of({"--"}), "");
  // The value of something that is no flag is not reported on its own.
  EXPECT_EQ(errors_of({"-x", "5"}).find('\n'), std::string::npos);
}

TEST(Settings, MissingValues) {
  const std::string expected = "--embed_dim has no value; give a whole number: 1 to 65536";
  EXPECT_EQ(errors_of({"--embed_dim"}), expected);
  EXPECT_EQ(errors_of({"--embed_dim", "--quiet"}), expected);
  EXPECT_NE(errors_of({"--embed_dim="}), "");
  EXPECT_NE(errors_of({"--config"}), "");
  EXPECT_EQ(errors_of({"--config="}), "--config is \"\"; give the path of a JSON file");
}

TEST(Settings, DuplicateFlags) {
  EXPECT_EQ(errors_of({"--epochs", "5", "--epochs=5"}), "epochs is set twice; keep one of them");
  EXPECT_EQ(errors_of({"--quiet", "--no_quiet"}), "quiet is set twice; keep one of them");
}

TEST(Settings, FilesAreLayersBelowFlags) {
  const ConfigFolder folder;
  const std::string a = folder.write("a.json", R"({"embed_dim": 64, "epochs": 3, "seed": 1})");
  const std::string b = folder.write("b.json", R"({"epochs": 4, "quiet": true, "seed": 2})");
  const ParsedConfig parsed = parse({"--seed", "5", "--config", a, "--no_quiet", "--config=" + b});
  EXPECT_EQ(parsed.config.embed_dim, 64);
  EXPECT_EQ(parsed.config.epochs, 4);
  EXPECT_EQ(parsed.config.seed, 5);
  EXPECT_FALSE(parsed.config.quiet);
  EXPECT_EQ(provenance_of(parsed, "embed_dim"), "file " + a);
  EXPECT_EQ(provenance_of(parsed, "epochs"), "file " + b);
  EXPECT_EQ(provenance_of(parsed, "seed"), "flag");
  EXPECT_EQ(provenance_of(parsed, "quiet"), "flag");
  EXPECT_EQ(provenance_of(parsed, "num_layers"), "default");
  EXPECT_EQ(parse({"--config", b, "--config", a}).config.epochs, 3);
}

TEST(Settings, NullTakesASettingBack) {
  const ConfigFolder folder;
  const std::string a = folder.write("a.json", R"({"run_name": "first", "num_heads": 2})");
  const std::string b = folder.write("b.json", R"({"run_name": null, "num_heads": "auto"})");
  const ParsedConfig parsed = parse({"--config", a, "--config", b});
  EXPECT_NE(parsed.config.run_name, "first");
  EXPECT_EQ(parsed.config.num_heads, 4);
  EXPECT_EQ(provenance_of(parsed, "run_name"), "default");
  EXPECT_EQ(parse({"--config", a, "--num_heads", "auto"}).config.num_heads, 4);
}

TEST(Settings, ErrorsInFilesNameTheFile) {
  const ConfigFolder folder;
  const auto errors = [&folder](const std::string& content) {
    const std::string path = folder.write("run.json", content);
    const std::string text = errors_of({"--config", path});
    EXPECT_EQ(text.find(path), 0u) << text;
    return text.substr(std::min(path.size(), text.size()));
  };
  EXPECT_EQ(errors(R"({"embed_dmi": 5})"),
            ": there is no key \"embed_dmi\"; did you mean embed_dim?");
  EXPECT_EQ(errors(R"({"no_shuffle": true})"),
            ": there is no key \"no_shuffle\"; did you mean shuffle?");
  EXPECT_NE(errors(R"({"config": "other.json"})").find("there is no key"), std::string::npos);
  EXPECT_EQ(errors(R"({"embed_dim": 1.5})"), ": embed_dim is 1.5; give a whole number: 1 to 65536");
  EXPECT_EQ(errors(R"({"learning_rate": "3"})"),
            ": learning_rate is \"3\"; give a finite number: above 0");
  EXPECT_EQ(errors(R"({"epochs": true})"), ": epochs is true; give a whole number: 1 to 1000000");
  EXPECT_EQ(errors(R"([1, 2])"),
            ": the file holds a JSON array; write one object of option names and values");
  EXPECT_EQ(errors(R"({"epochs": 1, "epochs": 2})").find(", line 1, column "), 0u);
  EXPECT_EQ(errors("{\"epochs\": 1,\n \"seed\": }").find(", line 2, column "), 0u);
  EXPECT_EQ(errors(R"({"learning_rate": NaN})").find(", line 1, column "), 0u);
  EXPECT_EQ(errors(R"({"learning_rate": 1e999})").find(", line 1, column "), 0u);
  EXPECT_EQ(errors("").find(", line 1, column "), 0u);
}

TEST(Settings, AMissingFileIsNamed) {
  EXPECT_NE(errors_of({"--config", "no/such.json"}).find("'no/such.json'"), std::string::npos);
}

TEST(Settings, EverythingWrongIsReportedAtOnce) {
  const ConfigFolder folder;
  const std::string broken = folder.write("broken.json", "{");
  const std::string wrong = folder.write("wrong.json", R"({"seed": -1, "epohcs": 2})");
  const std::string errors =
      errors_of({"--config", broken, "--config", wrong, "--nonsense", "1", "stray", "--quiet=no",
                 "--epochs", "0", "--shuffle", "--shuffle", "--overwrite", "--resume_checkpoint",
                 "x", "--device", "tpu", "--learning_rate"});
  for (const char* part :
       {"broken.json, line 1", "wrong.json: seed is -1", "wrong.json: there is no key \"epohcs\"",
        "--nonsense", "'stray'", "--quiet takes no value", "--epochs is \"0\"",
        "shuffle is set twice", "overwrite (flag)", "--device is \"tpu\"",
        "--learning_rate has no value"}) {
    EXPECT_NE(errors.find(part), std::string::npos) << part << " is not in\n" << errors;
  }
  EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 10) << errors;
}

TEST(Settings, HelpAndVersionComeBeforeErrors) {
  EXPECT_TRUE(parse({"--nonsense", "--help"}).help);
  EXPECT_TRUE(parse({"--version"}).version);
  EXPECT_FALSE(parse({}).help || parse({}).version);
  EXPECT_EQ(errors_of({"--help=5"}), "--help takes no value but has '5'; write --help alone");
}

}  // namespace
}  // namespace hgnn_moe

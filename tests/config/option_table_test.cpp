#include "hgnn_moe/config/option_table.h"

#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/base/test_support.h"

namespace hgnn_moe {
namespace {

enum class Colour { red, green };

const std::vector<std::string>& names_of(Colour) {
  static const std::vector<std::string> names = {"red", "green"};
  return names;
}

struct Picture {
  bool framed = true;
  std::int64_t width = 10;
  std::int64_t copies = 0;
  double scale = 0.5;
  Colour colour = Colour::green;
  std::string title;
};

OptionTable<Picture> picture_table() {
  OptionTable<Picture> table;
  table.group("Shape");
  table.integer("width", &Picture::width, {1, 100}, "width in metres");
  table.real("scale", &Picture::scale, {0.0, 1.0, true, false}, "scale of everything");
  table.group("Rest");
  table.boolean("framed", &Picture::framed, "put a frame around it");
  table.choice("colour", &Picture::colour, "colour of the paint");
  table.integer("copies", &Picture::copies, {1, 9, true, true}, "how many to make", "auto");
  table.text("title", &Picture::title,
             {"TITLE", "a title without x",
              [](const std::string& text) { return text.find('x') == std::string::npos; }},
             "what it shows", "none");
  return table;
}

OptionSpec spec_of(const std::string& name) {
  for (const OptionSpec& spec : picture_table().specs()) {
    if (spec.name == name) return spec;
  }
  throw InternalError("no option " + name);
}

std::string flag_error(const std::string& name, const std::string& text) {
  try {
    value_of_flag(spec_of(name), text, "--" + name);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    return error.what();
  }
}

bool json_accepted(const std::string& name, const Json& value) {
  try {
    value_of_json(spec_of(name), value, name);
    return true;
  } catch (const Error&) {
    return false;
  }
}

TEST(OptionTable, DefaultsComeFromTheStruct) {
  EXPECT_EQ(default_text(spec_of("width")), "10");
  EXPECT_EQ(default_text(spec_of("scale")), "0.5");
  EXPECT_EQ(default_text(spec_of("framed")), "true");
  EXPECT_EQ(default_text(spec_of("colour")), "green");
  EXPECT_EQ(default_text(spec_of("copies")), "auto");
  EXPECT_EQ(default_text(spec_of("title")), "none");
}

TEST(OptionTable, SetAndGetAreInverse) {
  const std::vector<Json> values = {7, 0.25, false, "red", 3, "sunset"};
  const OptionTable<Picture> table = picture_table();
  ASSERT_EQ(table.options().size(), values.size());
  Picture picture;
  for (std::size_t i = 0; i < values.size(); ++i) table.options()[i].set(picture, values[i]);
  EXPECT_EQ(picture.width, 7);
  EXPECT_EQ(picture.scale, 0.25);
  EXPECT_FALSE(picture.framed);
  EXPECT_EQ(picture.colour, Colour::red);
  EXPECT_EQ(picture.copies, 3);
  EXPECT_EQ(picture.title, "sunset");
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(table.options()[i].get(picture), values[i]);
  }
}

TEST(OptionTable, AnUnsetValueIsNull) {
  const OptionTable<Picture> table = picture_table();
  for (const auto& option : table.options()) {
    const bool may_be_unset = option.spec.name == "copies" || option.spec.name == "title";
    EXPECT_EQ(option.get(Picture{}).is_null(), may_be_unset) << option.spec.name;
    EXPECT_EQ(json_accepted(option.spec.name, nullptr), may_be_unset) << option.spec.name;
  }
}

TEST(OptionTable, IntegersFromFlags) {
  EXPECT_EQ(value_of_flag(spec_of("width"), "1", ""), 1);
  EXPECT_EQ(value_of_flag(spec_of("width"), "100", ""), 100);
  EXPECT_EQ(value_of_flag(spec_of("copies"), "-1", ""), -1);
  EXPECT_TRUE(value_of_flag(spec_of("copies"), "auto", "").is_null());
  for (const char* text : {"0", "101", "-1", "1.5", "1.0", "1e1", "0x10", "ten", "", " 5", "5 ",
                           "99999999999999999999", "auto"}) {
    EXPECT_EQ(flag_error("width", text),
              std::string("--width is ") + Json(text).dump() + "; give a whole number: 1 to 100");
  }
  EXPECT_EQ(flag_error("copies", "0"),
            "--copies is \"0\"; give a whole number: -1 or 1 to 9 or auto");
}

TEST(OptionTable, ANumberBeyond64BitsIsToldTheLargest) {
  OptionTable<Picture> table;
  table.integer("seed", &Picture::width, {0}, "of the noise");
  const OptionSpec spec = table.specs().front();
  const auto flag = [&](const char* text) {
    return message_of_error(ExitCode::usage, [&] { value_of_flag(spec, text, "seed"); });
  };
  EXPECT_EQ(flag("9223372036854775808"),
            "seed is \"9223372036854775808\"; give a whole number: at least 0 and at most "
            "9223372036854775807");
  EXPECT_EQ(flag("-1"), "seed is \"-1\"; give a whole number: at least 0");
  EXPECT_EQ(flag("1e3"), "seed is \"1e3\"; give a whole number: at least 0");
  EXPECT_EQ(
      message_of_error(ExitCode::usage,
                       [&] { value_of_json(spec, Json::parse("18446744073709551615"), "seed"); }),
      "seed is 18446744073709551615; give a whole number: at least 0 and at most "
      "9223372036854775807");
}

TEST(OptionTable, RealNumbersFromFlags) {
  EXPECT_EQ(value_of_flag(spec_of("scale"), "1", ""), 1.0);
  EXPECT_EQ(value_of_flag(spec_of("scale"), "2.5e-3", ""), 0.0025);
  for (const char* text :
       {"0", "1.0001", "-0.5", "nan", "inf", "1e999", "1e-999", "half", "0.5x"}) {
    EXPECT_EQ(flag_error("scale", text), std::string("--scale is ") + Json(text).dump() +
                                             "; give a finite number: above 0 and at most 1");
  }
}

TEST(OptionTable, ChoicesAndTextsFromFlags) {
  EXPECT_EQ(value_of_flag(spec_of("colour"), "red", ""), "red");
  EXPECT_EQ(flag_error("colour", "grene"),
            "--colour is \"grene\"; give one of red, green (did you mean green?)");
  EXPECT_EQ(flag_error("colour", "Red42"), "--colour is \"Red42\"; give one of red, green");
  EXPECT_EQ(value_of_flag(spec_of("title"), "caf\xc3\xa9 = 1", ""), "caf\xc3\xa9 = 1");
  EXPECT_EQ(flag_error("title", "fox"), "--title is \"fox\"; give a title without x");
  EXPECT_NE(flag_error("title", ""), "");
  EXPECT_NE(flag_error("title", "two\nlines"), "");
  EXPECT_NE(flag_error("title", "not UTF-8: \xff"), "");
}

TEST(OptionTable, AnErrorShowsAtMostTheStartOfALongValue) {
  EXPECT_LT(flag_error("title", std::string(100000, 'x')).size(), 200u);
}

TEST(OptionTable, JsonValuesHaveTheOptionsType) {
  EXPECT_TRUE(json_accepted("width", 5));
  EXPECT_TRUE(json_accepted("copies", "auto"));
  for (const Json& value : {Json(1.5), Json(5.0), Json("5"), Json(true), Json::array({5}), Json(0),
                            Json(18446744073709551615u), Json(nullptr), Json("auto")}) {
    EXPECT_FALSE(json_accepted("width", value)) << value;
  }
  // -1 in two's complement, which "copies" takes.
  EXPECT_FALSE(json_accepted("copies", Json(18446744073709551615u)));
  EXPECT_TRUE(json_accepted("scale", 0.5));
  EXPECT_TRUE(json_accepted("scale", 1));
  for (const Json& value : {Json("0.5"), Json(true), Json(-0.5), Json(nullptr),
                            Json(std::numeric_limits<double>::quiet_NaN()),
                            Json(std::numeric_limits<double>::infinity())}) {
    EXPECT_FALSE(json_accepted("scale", value)) << value;
  }
  EXPECT_TRUE(json_accepted("framed", false));
  for (const Json& value : {Json(0), Json("false"), Json(nullptr)}) {
    EXPECT_FALSE(json_accepted("framed", value)) << value;
  }
  EXPECT_TRUE(json_accepted("colour", "red"));
  for (const Json& value : {Json("RED"), Json(0), Json("")}) {
    EXPECT_FALSE(json_accepted("colour", value)) << value;
  }
  EXPECT_TRUE(json_accepted("title", "sea"));
  for (const Json& value : {Json(3), Json(""), Json("ox"), Json::array({"sea"})}) {
    EXPECT_FALSE(json_accepted("title", value)) << value;
  }
}

TEST(OptionTable, HelpIsGroupedAndWrapped) {
  const std::string help = render_help(picture_table().specs());
  EXPECT_NE(help.find("\nShape:\n  --width N"), std::string::npos) << help;
  EXPECT_NE(help.find("width in metres [1 to 100; default 10]\n"), std::string::npos) << help;
  EXPECT_NE(help.find("\nRest:\n  --framed, --no_framed"), std::string::npos) << help;
  EXPECT_NE(help.find("put a frame around it [default true]\n"), std::string::npos) << help;
  EXPECT_NE(help.find("--title TITLE"), std::string::npos) << help;
}

TEST(OptionTable, MarkdownHasARowAnOption) {
  const std::string markdown = render_markdown(picture_table().specs());
  EXPECT_NE(markdown.find("\n### Shape\n\n| option |"), std::string::npos) << markdown;
  EXPECT_NE(markdown.find("\n| `scale` | 0.5 | above 0 and at most 1 | scale of everything |\n"),
            std::string::npos)
      << markdown;
  EXPECT_NE(markdown.find("\n| `framed` | true | true or false |"), std::string::npos) << markdown;
}

}  // namespace
}  // namespace hgnn_moe

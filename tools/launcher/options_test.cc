#include "options.hh"

#include <gtest/gtest.h>

namespace nacre::launcher {
namespace {

std::optional<std::string> inherited(const std::string& name) {
  if (name == "HOME") return "/h=1";
  return std::nullopt;
}

Result<Options> parse(std::vector<std::string> arguments) {
  return parse_options(arguments, inherited);
}

using Strings = std::vector<std::string>;

TEST(Options, FileAndItsArguments) {
  const auto options = parse({"a.wasm", "x", "--dir", ".", "--", "-W", "", "--help"});
  ASSERT_TRUE(options.has_value()) << options.error().message();
  EXPECT_EQ(options->program, "a.wasm");
  EXPECT_EQ(options->arguments, (Strings{"x", "--dir", ".", "--", "-W", "", "--help"}));
  EXPECT_TRUE(options->directories.empty());
  EXPECT_FALSE(options->help.has_value());
}

TEST(Options, OneLeadingDashDashIsDropped) {
  EXPECT_EQ(parse({"a.wasm", "--", "--", "b"})->arguments, (Strings{"--", "b"}));
  EXPECT_EQ(parse({"a.wasm", "--"})->arguments, Strings{});
}

TEST(Options, AnArchiveIsForNoMachine) {
  EXPECT_EQ(parse({"--archive", "f", "--dir", ".", "a.wasm"})->archive, "f");
  for (const char* option : {"--smp=2", "--memory=1G", "--log=info", "--kernel=k", "--qemu=-s"}) {
    const auto options = parse({"--archive=f", option, "a.wasm"});
    ASSERT_FALSE(options.has_value()) << option;
    EXPECT_NE(options.error().message().find("none is booted"), std::string::npos);
  }
}

TEST(Options, AllOfThem) {
  const auto options = parse({"--dir",
                              "h::g",
                              "--dir=.",
                              "--env",
                              "A=b=c",
                              "--env",
                              "HOME",
                              "--invoke",
                              "add",
                              "-W",
                              "max-memory-size=65536,timeout=500ms",
                              "--smp",
                              "4",
                              "--memory",
                              "1G",
                              "--log",
                              "debug",
                              "--argv0",
                              "me",
                              "a.wasm",
                              "1",
                              "-2"});
  ASSERT_TRUE(options.has_value()) << options.error().message();
  ASSERT_EQ(options->directories.size(), 2u);
  EXPECT_EQ(options->directories[0].host, "h");
  EXPECT_EQ(options->directories[0].guest, "g");
  EXPECT_EQ(options->directories[1].guest, ".");
  EXPECT_EQ(options->environment, (Strings{"A=b=c", "HOME=/h=1"}));
  EXPECT_EQ(options->invoke, "add");
  EXPECT_EQ(options->max_memory_bytes, 65536u);
  EXPECT_EQ(options->timeout_ns, 500'000'000u);
  EXPECT_EQ(options->harts, 4u);
  EXPECT_EQ(options->machine_memory_bytes, uint64_t{1} << 30);
  EXPECT_EQ(options->log, "debug");
  EXPECT_EQ(options->argv0, "me");
  EXPECT_EQ(options->program, "a.wasm");
  EXPECT_EQ(options->arguments, (Strings{"1", "-2"}));
}

TEST(Options, ShortOptionMayTouchItsValue) {
  EXPECT_EQ(parse({"-Wtimeout=1s", "a.wasm"})->timeout_ns, 1'000'000'000u);
}

TEST(Options, MistakesAreNamed) {
  const auto error = [](Strings arguments) {
    const auto options = parse(arguments);
    return options ? std::string("accepted") : options.error().message();
  };
  EXPECT_NE(error({}).find("no program"), std::string::npos);
  EXPECT_NE(error({"--frob", "a.wasm"}).find("'--frob'"), std::string::npos);
  EXPECT_NE(error({"-W", "timeout=1s,fuel=3", "a.wasm"}).find("'fuel'"), std::string::npos);
  EXPECT_NE(error({"-W", "timeout", "a.wasm"}).find("duration"), std::string::npos);
  EXPECT_NE(error({"-W", "timeout=1y", "a.wasm"}).find("'1y'"), std::string::npos);
  EXPECT_NE(error({"-W", "max-memory-size=x", "a.wasm"}).find("'x'"), std::string::npos);
  EXPECT_NE(error({"--env", "NOT_SET", "a.wasm"}).find("NOT_SET"), std::string::npos);
  EXPECT_NE(error({"--smp", "9", "a.wasm"}).find("9 harts"), std::string::npos);
  EXPECT_NE(error({"--smp", "0", "a.wasm"}).find("0 harts"), std::string::npos);
  EXPECT_NE(error({"--memory", "many", "a.wasm"}).find("'many'"), std::string::npos);
  EXPECT_NE(error({"--dir", "::x", "a.wasm"}).find("empty"), std::string::npos);
  EXPECT_NE(error({"--log", "a b", "a.wasm"}).find("--log"), std::string::npos);
  EXPECT_NE(error({"--dir"}), "accepted");
}

TEST(Options, Help) {
  const auto options = parse({"--help"});
  ASSERT_TRUE(options.has_value());
  EXPECT_NE(options->help->find("--dir"), std::string::npos);
}

TEST(Options, Sizes) {
  EXPECT_EQ(parse_size("0"), 0u);
  EXPECT_EQ(parse_size("4096"), 4096u);
  EXPECT_EQ(parse_size("1k"), 1024u);
  EXPECT_EQ(parse_size("3MiB"), 3u << 20);
  EXPECT_EQ(parse_size("2GB"), uint64_t{2} << 30);
  EXPECT_EQ(parse_size("16777216T"), std::nullopt);
  for (const char* bad : {"", "k", "1.5G", "1x", "1kk", "-1", "99999999999999999999"}) {
    EXPECT_EQ(parse_size(bad), std::nullopt) << bad;
  }
}

TEST(Options, Durations) {
  EXPECT_EQ(parse_duration("1"), 1'000'000'000u);
  EXPECT_EQ(parse_duration("1.5s"), 1'500'000'000u);
  EXPECT_EQ(parse_duration("20us"), 20'000u);
  EXPECT_EQ(parse_duration("2m"), 120'000'000'000u);
  for (const char* bad : {"", "s", "1d", "1.2.3s", "-1s", "9999999999h"}) {
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace nacre::launcher

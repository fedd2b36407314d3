#include "nacre/kernel/shell/run_request.hh"

#include <gtest/gtest.h>

#include "nacre/kernel/shell/words.hh"

namespace nacre::shell {
namespace {

Result<RunRequest> parse(std::string_view line) {
  return parse_run_request(*split_words(line));
}

std::string problem(std::string_view line) {
  const auto request = parse(line);
  return request ? "none" : request.error().to_string();
}

TEST(RunRequest, ProgramAndArguments) {
  const auto request = parse("/bin/a.wasm one '--env' &");
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->arguments, (std::vector<std::string>{"/bin/a.wasm", "one", "--env"}));
  EXPECT_TRUE(request->background);
  EXPECT_TRUE(request->environment.empty());
}

TEST(RunRequest, Options) {
  const auto request = parse(
      "--env A=1 --env=B=x=y --dir /bin --dir /data::/d -W max-memory-size=2M --timeout 3 "
      "--weight=7 --cpu 25 --memory 64M -- -p");
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->environment, (std::vector<std::string>{"A=1", "B=x=y"}));
  ASSERT_EQ(request->directories.size(), 2u);
  EXPECT_EQ(request->directories[0].guest, "/bin");
  EXPECT_EQ(request->directories[1].path, "/data");
  EXPECT_EQ(request->directories[1].guest, "/d");
  EXPECT_EQ(request->max_memory_bytes, 2u << 20);
  EXPECT_EQ(request->timeout_ns, 3'000'000'000u);
  EXPECT_EQ(request->weight, 7u);
  EXPECT_EQ(request->cpu_percent, 25u);
  EXPECT_EQ(request->memory_bytes, 64u << 20);
  EXPECT_EQ(request->arguments, std::vector<std::string>{"-p"});
  EXPECT_FALSE(request->background);
}

TEST(RunRequest, SaysWhatIsWrong) {
  const struct {
    const char* line;
    const char* problem;
  } cases[] = {
      {"", "no program"},
      {"&", "no program"},
      {"--env A=1", "no program"},
      {"--env", "--env needs a value"},
      {"--env A x", "--env A: NAME=VALUE is expected"},
      {"--env =1 x", "--env =1: NAME=VALUE is expected"},
      {"--dir ::/a x", "--dir ::/a: PATH or PATH::GUEST is expected"},
      {"--dir /a:: x", "--dir /a::: PATH or PATH::GUEST is expected"},
      {"-W stack=1 x", "-W stack=1: max-memory-size=N is expected"},
      {"-W max-memory-size=1T x", "'1T' is not a size"},
      {"-W max-memory-size=99999999999G x", "is not a size"},
      {"--timeout 0 x", "--timeout 0: 1 to 1000000 is expected"},
      {"--weight 10001 x", "--weight 10001: 1 to 10000 is expected"},
      {"--cpu -1 x", "--cpu -1: 1 to 6400 is expected"},
      {"--memory much x", "'much' is not a size"},
      {"--colour red x", "no option --colour"},
  };
  for (const auto& expected : cases) {
    EXPECT_NE(problem(expected.line).find(expected.problem), std::string::npos)
        << expected.line << ": " << problem(expected.line);
  }
}

TEST(RunRequest, Numbers) {
  EXPECT_EQ(parse_number("0"), 0u);
  EXPECT_EQ(parse_number("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_number("0xffFF"), 0xffffu);
  for (const char* text : {"", "0x", "-1", "+1", "1 ", "1x", "18446744073709551616", "x"})
    EXPECT_FALSE(parse_number(text).has_value()) << text;
}

}  // namespace
}  // namespace nacre::shell

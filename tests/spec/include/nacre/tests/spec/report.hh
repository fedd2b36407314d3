// What running a command file found out, and how it is printed. The lines are the same on every platform, so that one
// script can read them: see format_report().
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::spec {

struct Failure {
  uint32_t line;
  std::string text;
};

struct Report {
  std::string name;
  uint32_t passed = 0;
  uint32_t failed = 0;
  uint32_t skipped = 0;
  std::vector<Failure> failures;            // at most kMaxFailures
  std::map<std::string, uint32_t> reasons;  // of skipping → commands

  static constexpr size_t kMaxFailures = 20;

  void pass() { ++passed; }
  void fail(uint32_t line, std::string text);
  void skip(std::string_view reason);
  // Adds another file's counts and reasons.
  void add(const Report& other);
};

// Lines, each ended by a newline:
//   spec-fail NAME:LINE: what happened
//   spec-file NAME PASSED FAILED SKIPPED [reason: count, …]
[[nodiscard]] std::string format_report(const Report& report);
// "spec: N passed, N failed, N skipped"
[[nodiscard]] std::string format_total(const Report& total);

}  // namespace nacre::spec

#include "nacre/tests/spec/report.hh"

#include "nacre/base/core/format.hh"

namespace nacre::spec {

void Report::fail(uint32_t line, std::string text) {
  ++failed;
  if (failures.size() < kMaxFailures) failures.push_back({line, std::move(text)});
}

void Report::skip(std::string_view reason) {
  ++skipped;
  ++reasons[std::string(reason)];
}

void Report::add(const Report& other) {
  passed += other.passed;
  failed += other.failed;
  skipped += other.skipped;
  for (const auto& [reason, count] : other.reasons) reasons[reason] += count;
}

std::string format_report(const Report& report) {
  std::string text;
  for (const Failure& failure : report.failures) {
    text += format("spec-fail {}:{}: {}\n", report.name, failure.line, failure.text);
  }
  if (report.failed > report.failures.size()) {
    text += format("spec-fail {}: {} more\n", report.name, report.failed - report.failures.size());
  }
  text +=
      format("spec-file {} {} {} {}", report.name, report.passed, report.failed, report.skipped);
  std::string_view separator = " [";
  for (const auto& [reason, count] : report.reasons) {
    text += format("{}{}: {}", separator, reason, count);
    separator = "; ";
  }
  text += report.reasons.empty() ? "\n" : "]\n";
  return text;
}

std::string format_total(const Report& total) {
  return format("spec: {} passed, {} failed, {} skipped", total.passed, total.failed,
                total.skipped);
}

}  // namespace nacre::spec

// For GoogleTest: explores all interleavings of a test and expects that none fails.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <functional>

#include "nacre/base/model/checker.hh"

namespace nacre::model {

inline void expect_sound(const Options& options, const std::function<void(Execution&)>& test) {
  const Report report = explore(options, test);
  EXPECT_EQ(report.failure, "");
  EXPECT_GT(report.executions, 20u);
  std::printf("%llu executions\n", static_cast<unsigned long long>(report.executions));
}

}  // namespace nacre::model

#include "nacre/kernel/trace/demangle.hh"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace nacre::trace {
namespace {

std::string demangled(std::string_view name) {
  char buffer[64];
  return std::string(demangle(name, buffer));
}

TEST(Demangle, Names) {
  EXPECT_EQ(demangled("kmain"), "kmain");
  EXPECT_EQ(demangled("_Z3foov"), "foo");
  EXPECT_EQ(demangled("_ZN5nacre2mm4Heap8allocateEm"), "nacre::mm::Heap::allocate");
  EXPECT_EQ(demangled("_ZNK5nacre5ErrorC2Ev"), "nacre::Error::Error");
  EXPECT_EQ(demangled("_ZN5nacre5ErrorD1Ev"), "nacre::Error::~Error");
  EXPECT_EQ(demangled("_ZN5nacre4init12_GLOBAL__N_14bootERKNS_3abi8BootInfoE"),
            "nacre::init::(anonymous)::boot");
  EXPECT_EQ(demangled("_ZSt9terminatev"), "std::terminate");
}

TEST(Demangle, TemplateArgumentsAreLeftOut) {
  EXPECT_EQ(demangled("_ZN5nacre6formatIJiPKcEEENSt3__112basic_stringIcEES1_DpRKT_"),
            "nacre::format");
  EXPECT_EQ(demangled("_ZN1aILm4ELb1EE1bILi3EEEvv"), "a::b");
}

TEST(Demangle, LambdasAndLocalNames) {
  EXPECT_EQ(demangled("_ZZN1a1bEvENKUlvE_clEv"), "a::b::lambda::operator()");
}

TEST(Demangle, WhatIsNotUnderstoodStays) {
  for (const char* name : {"_Z", "_ZN", "_ZN3ab", "_ZN99abcE", "_ZNE1", "_ZTV5nacre"}) {
    EXPECT_EQ(demangled(name), name == std::string_view("_ZNE1") ? "" : name);
  }
  const std::string long_name = "_Z70" + std::string(70, 'x') + "v";
  EXPECT_EQ(demangled(long_name), long_name) << "does not fit the buffer";
}

TEST(Demangle, AnyText) {
  std::mt19937 random(10);
  constexpr std::string_view kAlphabet = "NZEIKLSTUlC12D0_aclst9xAJXF";
  for (unsigned round = 0; round < 50000; ++round) {
    std::string name = "_Z";
    for (unsigned n = random() % 40; n > 0; --n) name += kAlphabet[random() % kAlphabet.size()];
    char buffer[24];
    const std::string_view result = demangle(name, buffer);
    EXPECT_TRUE(result.size() <= sizeof buffer || result == name);
  }
}

}  // namespace
}  // namespace nacre::trace

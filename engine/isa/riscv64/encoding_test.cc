// Every row of the instruction table against llvm-mc: random operands go through the encoder, and as text through the
// reference assembler; the words must agree. The printer must give the text back.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "nacre/base/core/format.hh"
#include "nacre/engine/isa/riscv64/assembler.hh"
#include "nacre/engine/isa/riscv64/print.hh"

namespace nacre::riscv64 {
namespace {

constexpr int kSamplesPerInstruction = 40;

class Operands {
 public:
  Gpr gpr() { return static_cast<Gpr>(pick(32)); }
  Fpr fpr() { return static_cast<Fpr>(pick(32)); }
  Rounding rounding() {
    constexpr Rounding kModes[] = {
        Rounding::NearestEven, Rounding::TowardZero,          Rounding::Down,
        Rounding::Up,          Rounding::NearestMaxMagnitude, Rounding::Dynamic};
    return kModes[pick(6)];
  }
  Csr csr() { return static_cast<Csr>(1 + pick(3)); }
  Ordering ordering() { return static_cast<Ordering>(pick(4)); }
  uint32_t pick(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }
  // In [low, high], the ends more often than not.
  int32_t between(int32_t low, int32_t high) {
    switch (pick(8)) {
      case 0:
        return low;
      case 1:
        return high;
      default:
        return low + static_cast<int32_t>(pick(static_cast<uint32_t>(high - low) + 1));
    }
  }
  int32_t imm12() { return between(-2048, 2047); }

 private:
  std::mt19937_64 random_{20240411};
};

struct Sample {
  std::string text;
  uint32_t word;
};

#define SAMPLE_R(name, text)                       \
  const Gpr d = o.gpr(), a = o.gpr(), b = o.gpr(); \
  return {format("{}\t{}, {}, {}", text, name_of(d), name_of(a), name_of(b)), word::name(d, a, b)};
#define SAMPLE_Unary(name, text)      \
  const Gpr d = o.gpr(), a = o.gpr(); \
  return {format("{}\t{}, {}", text, name_of(d), name_of(a)), word::name(d, a)};
#define SAMPLE_I(name, text)          \
  const Gpr d = o.gpr(), a = o.gpr(); \
  const int32_t i = o.imm12();        \
  return {format("{}\t{}, {}, {}", text, name_of(d), name_of(a), i), word::name(d, a, i)};
#define SAMPLE_SHIFT(name, text, bound) \
  const Gpr d = o.gpr(), a = o.gpr();   \
  const uint32_t i = o.pick(bound);     \
  return {format("{}\t{}, {}, {}", text, name_of(d), name_of(a), i), word::name(d, a, i)};
#define SAMPLE_Shift5(name, text) SAMPLE_SHIFT(name, text, 32)
#define SAMPLE_Shift6(name, text) SAMPLE_SHIFT(name, text, 64)
#define SAMPLE_U(name, text)          \
  const Gpr d = o.gpr();              \
  const uint32_t i = o.pick(1 << 20); \
  return {format("{}\t{}, {}", text, name_of(d), i), word::name(d, i)};
#define SAMPLE_Load(name, text)       \
  const Gpr d = o.gpr(), a = o.gpr(); \
  const int32_t i = o.imm12();        \
  return {format("{}\t{}, {}({})", text, name_of(d), i, name_of(a)), word::name(d, i, a)};
#define SAMPLE_Store(name, text) SAMPLE_Load(name, text)
#define SAMPLE_JumpReg(name, text) SAMPLE_Load(name, text)
#define SAMPLE_Branch(name, text)               \
  const Gpr a = o.gpr(), b = o.gpr();           \
  const int32_t i = 2 * o.between(-2048, 2047); \
  return {format("{}\t{}, {}, {}", text, name_of(a), name_of(b), i), word::name(a, b, i)};
#define SAMPLE_Jump(name, text)                               \
  const Gpr d = o.gpr();                                      \
  const int32_t i = 2 * o.between(-(1 << 19), (1 << 19) - 1); \
  return {format("{}\t{}, {}", text, name_of(d), i), word::name(d, i)};
#define SAMPLE_None(name, text) \
  (void)o;                      \
  return {std::string(text), word::name()};
#define SAMPLE_Csr(name, text)        \
  const Gpr d = o.gpr(), a = o.gpr(); \
  const Csr c = o.csr();              \
  return {format("{}\t{}, {}, {}", text, name_of(d), name_of(c), name_of(a)), word::name(d, c, a)};
#define SAMPLE_CsrImm(name, text) \
  const Gpr d = o.gpr();          \
  const Csr c = o.csr();          \
  const uint32_t i = o.pick(32);  \
  return {format("{}\t{}, {}, {}", text, name_of(d), name_of(c), i), word::name(d, c, i)};
#define SAMPLE_Amo(name, text)                                                               \
  const Gpr d = o.gpr(), b = o.gpr(), a = o.gpr();                                           \
  const Ordering r = o.ordering();                                                           \
  return {format("{}{}\t{}, {}, ({})", text, suffix(r), name_of(d), name_of(b), name_of(a)), \
          word::name(d, b, a, r)};
#define SAMPLE_LoadReserved(name, text) \
  const Gpr d = o.gpr(), a = o.gpr();   \
  const Ordering r = o.ordering();      \
  return {format("{}{}\t{}, ({})", text, suffix(r), name_of(d), name_of(a)), word::name(d, a, r)};
#define SAMPLE_FLoad(name, text) \
  const Fpr d = o.fpr();         \
  const Gpr a = o.gpr();         \
  const int32_t i = o.imm12();   \
  return {format("{}\t{}, {}({})", text, name_of(d), i, name_of(a)), word::name(d, i, a)};
#define SAMPLE_FStore(name, text) SAMPLE_FLoad(name, text)
#define SAMPLE_FR(name, text)                      \
  const Fpr d = o.fpr(), a = o.fpr(), b = o.fpr(); \
  return {format("{}\t{}, {}, {}", text, name_of(d), name_of(a), name_of(b)), word::name(d, a, b)};
#define SAMPLE_FRound(name, text)                                                             \
  const Fpr d = o.fpr(), a = o.fpr(), b = o.fpr();                                            \
  const Rounding m = o.rounding();                                                            \
  return {format("{}\t{}, {}, {}, {}", text, name_of(d), name_of(a), name_of(b), name_of(m)), \
          word::name(d, a, b, m)};
#define SAMPLE_UNARY(name, text, To, From) \
  const auto d = o.To();                   \
  const auto a = o.From();                 \
  return {format("{}\t{}, {}", text, name_of(d), name_of(a)), word::name(d, a)};
#define SAMPLE_UNARY_ROUND(name, text, To, From) \
  const auto d = o.To();                         \
  const auto a = o.From();                       \
  const Rounding m = o.rounding();               \
  return {format("{}\t{}, {}, {}", text, name_of(d), name_of(a), name_of(m)), word::name(d, a, m)};
#define SAMPLE_FUnary(name, text) SAMPLE_UNARY(name, text, fpr, fpr)
#define SAMPLE_FUnaryRound(name, text) SAMPLE_UNARY_ROUND(name, text, fpr, fpr)
#define SAMPLE_FToG(name, text) SAMPLE_UNARY(name, text, gpr, fpr)
#define SAMPLE_FToGRound(name, text) SAMPLE_UNARY_ROUND(name, text, gpr, fpr)
#define SAMPLE_GToF(name, text) SAMPLE_UNARY(name, text, fpr, gpr)
#define SAMPLE_GToFRound(name, text) SAMPLE_UNARY_ROUND(name, text, fpr, gpr)
#define SAMPLE_F4(name, text)                                                                    \
  const Fpr d = o.fpr(), a = o.fpr(), b = o.fpr(), c = o.fpr();                                  \
  const Rounding m = o.rounding();                                                               \
  return {format("{}\t{}, {}, {}, {}, {}", text, name_of(d), name_of(a), name_of(b), name_of(c), \
                 name_of(m)),                                                                    \
          word::name(d, a, b, c, m)};
#define SAMPLE_FCompare(name, text)   \
  const Gpr d = o.gpr();              \
  const Fpr a = o.fpr(), b = o.fpr(); \
  return {format("{}\t{}, {}, {}", text, name_of(d), name_of(a), name_of(b)), word::name(d, a, b)};

const char* suffix(Ordering order) {
  constexpr const char* kSuffixes[] = {"", ".rl", ".aq", ".aqrl"};
  return kSuffixes[static_cast<uint8_t>(order)];
}

using Sampler = Sample (*)(Operands&);
#define SAMPLER(name, text, form, bits) \
  [](Operands& o) -> Sample { SAMPLE_##form(name, std::string_view(text)) },
constexpr Sampler kSamplers[] = {NACRE_RV64_INSTRUCTIONS(SAMPLER)};

// Assembles the lines with llvm-mc; one word a line.
std::vector<uint32_t> assemble(const std::vector<Sample>& samples) {
  const std::string source = testing::TempDir() + format("nacre-encoding-{}.s", getpid());
  {
    std::ofstream out(source);
    for (const Sample& sample : samples) out << sample.text << '\n';
  }
  const std::string command =
      "llvm-mc-19 --triple=riscv64 --mattr=+m,+a,+f,+d,+zba,+zbb,+zbs,+zicond --show-encoding " +
      source;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return {};
  std::vector<uint32_t> words;
  char line[512];
  while (std::fgets(line, sizeof line, pipe) != nullptr) {
    unsigned b[4];
    const char* at = std::strstr(line, "encoding: [");
    if (at == nullptr) continue;
    if (std::sscanf(at, "encoding: [%x,%x,%x,%x]", &b[0], &b[1], &b[2], &b[3]) != 4) continue;
    words.push_back(b[0] | b[1] << 8 | b[2] << 16 | b[3] << 24);
  }
  EXPECT_EQ(pclose(pipe), 0) << command;
  std::remove(source.c_str());
  return words;
}

TEST(Encoding, AgreesWithTheReferenceAssembler) {
  Operands operands;
  std::vector<Sample> samples;
  for (Sampler sampler : kSamplers) {
    for (int i = 0; i < kSamplesPerInstruction; ++i) samples.push_back(sampler(operands));
  }
  const std::vector<uint32_t> reference = assemble(samples);
  ASSERT_EQ(reference.size(), samples.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    ASSERT_EQ(samples[i].word, reference[i])
        << samples[i].text << format(": got {:08x}, llvm-mc {:08x}", samples[i].word, reference[i]);
  }
}

TEST(Encoding, PrintsWhatWasEncoded) {
  Operands operands;
  for (Sampler sampler : kSamplers) {
    for (int i = 0; i < kSamplesPerInstruction; ++i) {
      const Sample sample = sampler(operands);
      ASSERT_EQ(print(sample.word), sample.text);
    }
  }
  EXPECT_EQ(print(0), ".word 0x00000000");
}

TEST(Encoding, SplitsDistances) {
  for (int64_t value :
       {int64_t{0}, int64_t{1}, int64_t{2047}, int64_t{2048}, int64_t{-2048}, int64_t{-2049},
        int64_t{0x12345678}, int64_t{-0x12345678}, int64_t{INT32_MAX}, int64_t{INT32_MIN}}) {
    const auto [high, low] = encode::split32(static_cast<int32_t>(value));
    EXPECT_EQ(static_cast<int32_t>((high << 12) + static_cast<uint32_t>(low)), value);
    EXPECT_TRUE(fits_imm12(low));
  }
}

}  // namespace
}  // namespace nacre::riscv64
